"""Gradients and updates: scale the loss, differentiate, average over replicas, clip, apply."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from trainer.engine import distribution, randomness

# Coefficients of the Newton-Schulz polynomial; they maximise the slope at 0, so small singular
# values grow fastest (Jordan et al. 2024).
MUON = (3.4445, -4.7750, 2.0315)
# Muon trains matrices whose shorter side is in this range. Below it (a logit, the colours of a
# pixel) there is hardly a spectrum to equalise; above it orthogonalisation costs more than the rest
# of the step.
SHORTEST_SIDE, LONGEST_SIDE = 16, 256
MOMENTUM = 0.9
EPSILON = 1e-7


class _Averaged:
    """Expects gradients that are already averaged over replicas.

    Keras would sum them after clipping, so each replica would clip its own part.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars


class _FusedAdam(_Averaged):
    """Adam with one fused operation per variable, where Keras runs a dozen.

    A step updates about a hundred small variables. On two cores, launching an operation costs more
    than computing it.
    """

    # Attributes of the Keras optimizer that this class is mixed into.
    _get_variable_index: Any
    _momentums: Any
    _velocities: Any
    iterations: Any
    beta_1: float
    beta_2: float

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        moments = self._momentums[index], self._velocities[index]
        _adam_update(
            variable, *moments, gradient, learning_rate, self.iterations, self.beta_1, self.beta_2
        )


def _adam_update(variable, momentum, velocity, gradient, rate, iterations, beta_1, beta_2) -> None:
    """Updates one variable by Adam in the efficient form, which adds epsilon to sqrt(v).

    Source: Kingma and Ba 2015, end of section 2, before section 2.1.
    """
    step = tf.cast(iterations + 1, tf.float32)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=momentum.value.handle,
        v=velocity.value.handle,
        beta1_power=beta_1**step,
        beta2_power=beta_2**step,
        lr=tf.cast(rate, tf.float32),
        beta1=beta_1,
        beta2=beta_2,
        epsilon=EPSILON,
        grad=tf.convert_to_tensor(gradient),
    )


class _Adam(_FusedAdam, keras.optimizers.Adam):
    pass


class _AdamW(_FusedAdam, keras.optimizers.AdamW):
    pass


class _Muon(_Averaged, keras.optimizers.Muon):
    """Keras's Muon, extended from matrices to convolution kernels.

    A kernel [h, w, in, out] is the matrix [h * w * in, out] (Jordan et al. 2024). Adam trains
    vectors, embedding tables, and matrices outside `SHORTEST_SIDE` to `LONGEST_SIDE`.
    """

    def _should_use_adamw(self, variable):
        if len(variable.shape) < 2 or variable.name == "embeddings":
            return True
        *rows, columns = variable.shape
        return not SHORTEST_SIDE <= min(math.prod(rows), columns) <= LONGEST_SIDE

    def _adamw_update_step(self, gradient, variable, learning_rate, m, v):
        betas = self.adam_beta_1, self.adam_beta_2
        _adam_update(variable, m, v, gradient, learning_rate, self.iterations, *betas)

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, (gradient - m) * (1 - self.momentum))
        ahead = gradient * (1 - self.momentum) + m * self.momentum
        matrix = ops.reshape(ahead, (-1, variable.shape[-1]))
        update = self.lr_adjust(lr * orthogonalised(matrix))
        self.assign_sub(variable, ops.reshape(update, variable.shape))


def orthogonalised(matrix: tf.Tensor) -> tf.Tensor:
    """Approximates the orthogonal factor U V^T of a matrix U S V^T.

    The singular values of the result lie between 0.7 and 1.2. The method is the quintic
    Newton-Schulz iteration (Jordan et al. 2024): x <- (a + b A + c A^2) x with A = x x^T. All
    factors are polynomials of the first A and commute, so their product is taken among square
    matrices of the short side. The long side then costs two products instead of ten.

    Args:
      matrix: float [n, m].

    Returns:
      float32 [n, m].
    """
    x = tf.cast(matrix, tf.float32)
    x /= tf.norm(x) + 1e-7
    # Pass transpose flags instead of transposing: transposing a tall matrix costs as much as a
    # product.
    tall = x.shape[0] > x.shape[1]
    gram = tf.matmul(x, x, transpose_a=tall, transpose_b=not tall)
    identity = tf.eye(gram.shape[0])

    def factor_of(gram):
        return MUON[0] * identity + MUON[1] * gram + MUON[2] * tf.matmul(gram, gram)

    product = factor = factor_of(gram)
    for _ in range(4):
        gram = tf.matmul(tf.matmul(factor, gram), factor)
        factor = factor_of(gram)
        product = tf.matmul(factor, product)
    return tf.matmul(x, product) if tall else tf.matmul(product, x)


def build(
    variables: Sequence[keras.Variable],
    rate: float,
    clip_norm: float | None,
    policy: str,
    weight_decay: float | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
    kind: str = "adam",
) -> keras.optimizers.Optimizer:
    """Returns a built Adam (AdamW with a weight decay) or Muon optimiser.

    Args:
      variables: the variables to train.
      rate: learning rate; `apply` sets that of each update.
      clip_norm: global norm that the gradients are clipped to after unscaling and averaging; None
        does not clip.
      policy: Keras dtype policy of the model. `mixed_float16` adds dynamic loss scaling: an
        overflow halves the scale and skips the update, and 2000 good updates double it
        (Micikevicius et al. 2018, section 3.2). The scale is one of the optimiser's variables.
      weight_decay: decoupled weight decay (Loshchilov and Hutter 2019), or None.
      betas: decay rates of Adam's two moments.
      kind: `adam` or `muon`. Muon's updates are scaled to the root mean square of Adam's, 0.2 (Liu
        et al. 2025, section 2.2), so the same learning rates suit both.
    """
    choices = {"beta_1": betas[0], "beta_2": betas[1], "global_clipnorm": clip_norm, "name": "adam"}
    optimizer: keras.optimizers.Optimizer
    if kind == "muon":
        optimizer = _Muon(
            rate,
            weight_decay=weight_decay,
            adam_weight_decay=weight_decay,
            adam_beta_1=betas[0],
            adam_beta_2=betas[1],
            momentum=MOMENTUM,
            global_clipnorm=clip_norm,
            name="muon",
        )
    elif weight_decay is None:
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
    """Returns the gradients of a loss, scaled as `apply` expects them.

    Args:
      tape: the tape that recorded the loss.
      loss: float32 [].
      updated: optimisers, each with its variables.

    Returns:
      a list for each optimiser, with a gradient for each of its variables.
    """
    scales = [optimizer.scale_loss(tf.ones_like(loss)) for optimizer, _ in updated]
    # One backward pass for all optimisers: it uses the first loss scale, and the gradients of the
    # others are multiplied by the ratio of their scale to the first.
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
    """Updates `variables` once, with gradients averaged over replicas.

    Args:
      optimizer: from `build`.
      rate: learning rate.
      found: this replica's gradients, from `gradients`.
      variables: the variables of the optimiser.
      shares: factor of each variable's update, or None for 1. Scaling the gradient instead would
        have no effect, because Adam's step does not depend on the gradient's scale.
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
    """Averages gradients and losses over micro-batches, with one micro-batch in memory at a time.

    All micro-batches belong to one step, so steps, schedules and moving averages count whole
    batches, and a checkpoint never holds a partial sum. Each micro-batch gets its own rows of the
    batch's random draws. Operations across examples (negatives, normalisation) see one micro-batch.

    Args:
      parts: number of micro-batches; divides N.
      compute: takes the arrays of a micro-batch and returns (gradients, losses), nested.
      batch: arrays [N, ...], nested.

    Returns:
      the average of what `compute` returns.
    """
    if parts == 1:
        return compute(*batch)
    total: Any = None
    for index in range(parts):
        part = tf.nest.map_structure(lambda x, i=index: tf.split(x, parts)[i], tuple(batch))
        # Without control dependencies, the micro-batches would run in parallel and save no memory.
        done = [] if total is None else [x for x in tf.nest.flatten(total) if x is not None]
        with tf.control_dependencies(done), randomness.part(index, parts):
            # The identity makes operations on the inputs wait as well.
            part = tf.nest.map_structure(tf.identity, part)
            found = tf.nest.map_structure(_dense, compute(*part))
        total = found if total is None else tf.nest.map_structure(_sum, total, found)
    return tf.nest.map_structure(lambda x: None if x is None else x / parts, total)


def _dense(gradient):
    """Converts the sparse gradient of an embedding, which cannot be summed, to a dense one."""
    return None if gradient is None else tf.convert_to_tensor(gradient)


def _sum(one, other):
    return None if one is None else one + other
