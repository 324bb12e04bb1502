"""Stateless random draws: they depend only on the run's seed, the step and the use.

A replica or micro-batch draws for the whole batch and keeps its own rows, so results do not depend
on how a batch is divided.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from trainer.engine import distribution

# Thread-local, because each replica is traced in its own thread.
_division = threading.local()


def step_seed(seed: int | tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Returns the seed of one step.

    Args:
      seed: int [], the run's seed.
      step: int [], the step number.

    Returns:
      int32 [2].
    """
    return tf.stack([tf.cast(seed, tf.int32), tf.cast(step, tf.int32)])


def fold(seed: tf.Tensor, salt: int) -> tf.Tensor:
    """Returns a new seed, int32 [2]; each use within a step has its own `salt`."""
    return tf.random.experimental.stateless_fold_in(seed, salt)


def uniform(
    seed: tf.Tensor,
    shape,
    low: float | int = 0.0,
    high: float | int = 1.0,
    dtype: tf.DType = tf.float32,
) -> tf.Tensor:
    """Draws uniformly from [low, high).

    Args:
      seed: int32 [2].
      shape: of the result; its first dimension is the rows of this replica and micro-batch.
      low, high: bounds.
      dtype: of the result.
    """
    return _own_rows(lambda s: tf.random.stateless_uniform(s, seed, low, high, dtype), shape)


def normal(seed: tf.Tensor, shape, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Draws from the standard normal distribution; `seed` and `shape` as for `uniform`."""
    return _own_rows(lambda s: tf.random.stateless_normal(s, seed, dtype=dtype), shape)


def categorical(seed: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Draws one class for each row.

    Args:
      seed: int32 [2].
      logits: float [N, V], unnormalised log probabilities.

    Returns:
      int32 [N].
    """
    rows = tf.shape(logits)[0]

    def draw(shape):
        # Draws for other replicas' rows are discarded, so any logits will do there.
        for_all = tf.tile(logits, [shape[0] // rows, 1])
        return tf.random.stateless_categorical(for_all, 1, seed, dtype=tf.int32)

    return _own_rows(draw, [rows, 1])[:, 0]


@contextmanager
def part(index: int, count: int) -> Iterator[None]:
    """Inside, draws are those of the micro-batch `index` out of `count` equal ones."""
    before = _part()
    _division.part = (index, count)
    try:
        yield
    finally:
        _division.part = before


def _part() -> tuple[int, int]:
    return getattr(_division, "part", (0, 1))


def _own_rows(draw: Callable[[tf.Tensor], tf.Tensor], shape) -> tf.Tensor:
    index, count = _part()
    if distribution.count() > 1:
        index += count * distribution.index()
        count *= distribution.count()
    if count == 1:
        return draw(shape)
    shape = tf.convert_to_tensor(shape, tf.int32)
    whole = draw(tf.concat([count * shape[:1], shape[1:]], axis=0))
    return tf.reshape(whole, tf.concat([[count], shape], axis=0))[index]
