"""The one way from a loss to changed weights: scale, differentiate, average, clip, apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer import distribution, randomness


class _Averaged:
    """Takes gradients that are averaged over replicas; Keras would add them up after clipping."""

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars


class _Adam(_Averaged, keras.optimizers.Adam):
    pass


class _AdamW(_Averaged, keras.optimizers.AdamW):
    pass


def build(
    variables: Sequence[keras.Variable],
    rate: float,
    clip_norm: float,
    policy: str,
    weight_decay: float | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
) -> keras.optimizers.Optimizer:
    """A built Adam, or AdamW where there is a weight decay.

    Args:
      variables: what it will train.
      rate: learning rate; `apply` sets that of each update.
      clip_norm: the gradients of all variables together are cut to this norm, after they were
        unscaled and averaged.
      policy: Keras dtype policy of the model; `mixed_float16` brings a loss scale that is halved
        by gradients that overflow (their update is left out) and doubled every 2000 good updates
        (Micikevicius et al. 2018, section 3.2). It is one of the optimiser's variables.
      weight_decay: decoupled from the gradient (Loshchilov and Hutter 2019), or None.
      betas: decay rates of both moments.
    """
    choices = {"beta_1": betas[0], "beta_2": betas[1], "global_clipnorm": clip_norm, "name": "adam"}
    optimizer: keras.optimizers.Optimizer
    if weight_decay is None:
        optimizer = _Adam(rate, **choices)
    else:
        optimizer = _AdamW(rate, weight_decay=weight_decay, **choices)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer


def gradients(
    tape: tf.GradientTape,
    loss: tf.Tensor,
    *updated: tuple[keras.optimizers.Optimizer, Sequence[keras.Variable]],
) -> list[list[tf.Tensor]]:
    """Gradients of a loss, scaled as `apply` expects them.

    Args:
      tape: what recorded the loss.
      loss: float32 scalar.
      updated: optimisers, each with its variables.

    Returns:
      a list for each optimiser, a gradient for each of its variables.
    """
    scales = [optimizer.scale_loss(tf.ones_like(loss)) for optimizer, _ in updated]
    # One pass back for all: it begins with the first scale, and the others are made up for.
    found = tape.gradient(loss, [list(own) for _, own in updated], output_gradients=scales[0])
    for index, (optimizer, _) in enumerate(updated[1:], start=1):
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            factor = scales[index] / scales[0]
            found[index] = [None if g is None else _dense(g) * factor for g in found[index]]
    return found


def apply(
    optimizer: keras.optimizers.Optimizer,
    rate: tf.Tensor | float,
    found: Sequence[tf.Tensor],
    variables: Sequence[keras.Variable],
    shares: Sequence[tf.Tensor | float] | None = None,
) -> None:
    """Updates `variables` once by gradients `found` of this replica, at learning rate `rate`.

    Args:
      optimizer, rate, found, variables: what is updated by what.
      shares: of each variable, the part of its update that it follows; None is the whole. A factor
        of the gradient would be no factor of the step, which Adam makes as long as the rate.
    """
    optimizer.learning_rate.assign(rate)
    partly = [
        (variable, tf.identity(variable.value), share)
        for variable, share in zip(variables, shares or (), strict=bool(shares))
        if not isinstance(share, float) or share != 1.0
    ]
    optimizer.apply(distribution.mean(list(found)), variables)
    for variable, start, share in partly:
        variable.assign(start + share * (variable.value - start))


def accumulated(parts: int, compute: Callable[..., tuple[Any, Any]], batch: Sequence[Any]) -> Any:
    """Means of gradients and losses over equal parts of a batch, one part in memory at a time.

    All parts are taken within one step, so steps, schedules and averages of weights count whole
    batches as ever, and there is no half-made sum that a checkpoint would have to hold. Each part
    gets its own rows of the batch's random draws. What compares the examples of a batch with each
    other (negatives, normalisation) sees one part.

    Args:
      parts: their number; the batch's size is a multiple of it.
      compute: takes the arrays of a part and returns (gradients, losses), nested as it likes.
      batch: arrays [N, ...], nested.

    Returns:
      what `compute` returns, averaged.
    """
    if parts == 1:
        return compute(*batch)
    total: Any = None
    for index in range(parts):
        part = tf.nest.map_structure(lambda x, i=index: tf.split(x, parts)[i], tuple(batch))
        # Without this, the parts would run side by side and save no memory.
        done = [] if total is None else [x for x in tf.nest.flatten(total) if x is not None]
        with tf.control_dependencies(done), randomness.part(index, parts):
            # The inputs too must wait: an operation without them might start at once.
            part = tf.nest.map_structure(tf.identity, part)
            found = tf.nest.map_structure(_dense, compute(*part))
        total = found if total is None else tf.nest.map_structure(_sum, total, found)
    return tf.nest.map_structure(lambda x: None if x is None else x / parts, total)


def _dense(gradient):
    """Embeddings have sparse gradients, which cannot be added up."""
    return None if gradient is None else tf.convert_to_tensor(gradient)


def _sum(one, other):
    return None if one is None else one + other
