"""Training on several devices or machines: the losses of one device at the same batch size.

Each replica has the whole model and its own rows of a step's batch. A loss on a replica is such
that the mean over replicas is the loss of the whole batch; gradients are averaged the same way.
What compares the examples of a batch asks for the other replicas' part by `gather` or `mean`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

from data.base.graphs import graph
from trainer.settings_loader import SettingsError

T = TypeVar("T")

# What the others see when a worker is killed.
PEER_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError)


@functools.cache
def start(kind: str, devices: int | None) -> tf.distribute.Strategy:
    """The strategy by name; to be called before TensorFlow has computed anything.

    Args:
      kind: `none`, `mirrored` (devices of this machine) or `multi_worker` (those of all machines
        that the environment variable TF_CONFIG names).
      devices: for `mirrored`: GPUs to use, or CPU devices to make where there is none; None takes
        all GPUs.

    Raises:
      SettingsError: the devices are not there, or it is too late to make them.
    """
    if kind == "none":
        return tf.distribute.get_strategy()
    if kind == "mirrored":
        names = _devices(devices)
        # NCCL needs GPUs.
        on_cpu = None if "GPU" in names[0] else tf.distribute.ReductionToOneDevice()
        return tf.distribute.MirroredStrategy(names, cross_device_ops=on_cpu)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise SettingsError(f"training.strategy = 'multi_worker': {error}") from error


def _devices(count: int | None) -> list[str]:
    """Names of `count` devices."""
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    found = tf.config.list_physical_devices(kind)
    count = len(found) if count is None else count
    if kind == "GPU" and count > len(found):
        raise SettingsError(f"training.devices = {count}: there are {len(found)} GPUs")
    made = len(tf.config.get_logical_device_configuration(found[0]) or [None])
    if kind == "CPU" and count > made:
        one = tf.config.LogicalDeviceConfiguration()
        try:
            tf.config.set_logical_device_configuration(found[0], [one] * count)
        except RuntimeError as error:
            raise SettingsError(
                f"training.devices = {count}: CPU devices must be made before TensorFlow "
                "computes anything; call trainer.engine.distribution.start first"
            ) from error
    return [f"{kind}:{index}" for index in range(count)]


def count() -> int:
    """Replicas that run this step; 1 outside of a step."""
    if tf.distribute.in_cross_replica_context():
        return 1
    return tf.distribute.get_strategy().num_replicas_in_sync


def index() -> tf.Tensor | int:
    """Which of `count()` replicas runs this."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def mean(values: Any) -> Any:
    """Element-wise means over replicas of nested tensors; None stays None. Has a gradient."""
    if count() == 1:
        return values
    flat = tf.nest.flatten(values)
    given = [tf.convert_to_tensor(value) for value in flat if value is not None]
    reduced = iter(_all_reduce("MEAN", given))
    means = [None if value is None else next(reduced) for value in flat]
    return tf.nest.pack_sequence_as(values, means)


def gather(rows: tf.Tensor) -> tf.Tensor:
    """Rows [N, ...] of every replica, in the order of the batch: [count() * N, ...].

    Its gradient is the sum over replicas, each of which may have used all rows.
    """
    if count() == 1:
        return rows
    place = tf.reshape(tf.one_hot(index(), count(), dtype=rows.dtype), [-1] + [1] * len(rows.shape))
    (gathered,) = _all_reduce("SUM", [place * rows[None]])
    return tf.reshape(gathered, [-1, *rows.shape[1:]])


def rolled(rows: tf.Tensor) -> tf.Tensor:
    """For each row of [N, ...] the one before it in the whole batch, for its first the last."""
    around = tf.roll(gather(rows), 1, axis=0)
    if count() == 1:
        return around
    return tf.reshape(around, [count(), -1, *rows.shape[1:]])[index()]


def ratio(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """The mean over replicas is the sum of `one` over the whole batch by that of `other`.

    Args:
      one, other: float32 [], sums over the examples of a replica; that of `other` over all counts
        as 1 at least.
    """
    return one / tf.maximum(mean(other), 1.0 / count())


def _all_reduce(how: str, values: list[tf.Tensor]) -> list[tf.Tensor]:
    return tf.distribute.get_replica_context().all_reduce(how, values)


def function(step: Callable[..., dict[str, tf.Tensor]]) -> Callable[..., dict[str, tf.Tensor]]:
    """Compiles a training step for the strategy at hand.

    Args:
      step: takes step number, progress, and the arrays of a batch in nested tuples; returns
        losses. Each replica gets its rows of the batch; the losses returned are their means.
    """
    strategy = tf.distribute.get_strategy()
    if not tf.distribute.has_strategy():
        return graph(step)

    @graph
    def run(number, progress, batch):
        losses = strategy.run(step, (number, progress, *batch))
        return {name: strategy.reduce("MEAN", loss, None) for name, loss in losses.items()}

    def divide(array):
        def own(context):
            size = len(array) // context.num_replicas_in_sync
            first = size * context.replica_id_in_sync_group
            return tf.constant(array[first : first + size])

        return strategy.experimental_distribute_values_from_function(own)

    return lambda number, progress, *batch: run(
        number, progress, tf.nest.map_structure(divide, batch)
    )


def alone() -> bool:
    """True unless there are other workers."""
    return not getattr(tf.distribute.get_strategy().extended, "_in_multi_worker_mode", bool)()


def is_chief() -> bool:
    """True on the one worker that writes what is to stay; all read what it wrote."""
    resolver = tf.distribute.get_strategy().cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return resolver.task_type == first and resolver.task_id == 0


def of_chief(value: float) -> float:
    """The chief's value, on every worker; waits until all of them have called this."""
    if alone():
        return value
    return float(_asking(tf.distribute.get_strategy())(tf.constant(value, tf.float64)))


def by_chief(strategy: tf.distribute.Strategy, make: Callable[[], T]) -> T:
    """What `make` returns; the chief calls it alone, the others find what it left on the disk."""
    with strategy.scope():
        chief = is_chief()
    made = [make()] if chief else []
    with strategy.scope():
        of_chief(0.0)
    return made[0] if made else make()


@functools.cache
def _asking(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], tf.Tensor]:
    @graph
    def ask(value):
        only = strategy.run(lambda x: tf.where(tf.equal(index(), 0), x, 0.0), (value,))
        return strategy.reduce("SUM", only, None)

    return ask


class Clock:
    """Seconds, which all workers read alike, so that they decide alike what is due.

    On one machine it runs by itself; among several it stands still between two calls of `tick`.
    """

    def __init__(self) -> None:
        self._runs = alone()
        self.tick()

    def __call__(self) -> float:
        return time.monotonic() if self._runs else self._now

    def tick(self) -> None:
        """Takes over the chief's time."""
        self._now = of_chief(time.monotonic())
