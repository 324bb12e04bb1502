"""The one way from a loss to changed weights: scale, differentiate, average, clip, apply."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from trainer.engine import distribution, randomness

# Coefficients of the Newton-Schulz polynomial: the steepest rise of small singular values.
MUON = (3.4445, -4.7750, 2.0315)
# A matrix with a shorter side than this (a logit, a pixel's colours) has no spectrum to even out;
# one whose sides are both longer than that costs more than the step.
SHORTEST_SIDE, LONGEST_SIDE = 16, 256
MOMENTUM = 0.9
EPSILON = 1e-7


class _Averaged:
    """Takes gradients that are averaged over replicas; Keras would add them up after clipping."""

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars


class _FusedAdam(_Averaged):
    """Makes Adam's update by one operation a variable, where Keras takes a dozen.

    On two cores a step updates some hundred small variables, and starting an operation costs more
    than computing it.
    """

    # Of the Keras optimizer that this is mixed into.
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
    """Kingma and Ba 2015, the efficient form before section 2.1: epsilon is added to sqrt(v)."""
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
    """Keras's Muon, which trains only matrices, for the kernels of convolutions too.

    A kernel [h, w, in, out] is the matrix [h * w * in, out] (Jordan et al. 2024). Vectors, tables
    of embeddings and narrow matrices are trained by Adam.
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
    """Nearly the orthogonal factor U V^T of a matrix U S V^T: singular values become 0.7 to 1.2.

    Newton-Schulz iteration of the fifth order (Jordan et al. 2024): x <- (a + b A + c A^2) x with
    A = x x^T. All factors are polynomials of the first A and commute. Their product is taken
    among square matrices of the short side, so the long side costs two products instead of ten.

    Args:
      matrix: float [n, m].

    Returns:
      float32 [n, m].
    """
    x = tf.cast(matrix, tf.float32)
    x /= tf.norm(x) + 1e-7
    # Products take factors as they lie: to transpose a tall matrix costs as much as a product.
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
    """A built Adam (AdamW where there is a weight decay), or a Muon that moves as far.

    Args:
      variables: what it will train.
      rate: learning rate; `apply` sets that of each update.
      clip_norm: the gradients of all variables together are cut to this norm, after they were
        unscaled and averaged; None leaves them as they are.
      policy: Keras dtype policy of the model; `mixed_float16` brings a loss scale that is halved
        by gradients that overflow (their update is left out) and doubled every 2000 good updates
        (Micikevicius et al. 2018, section 3.2). It is one of the optimiser's variables.
      weight_decay: decoupled from the gradient (Loshchilov and Hutter 2019), or None.
      betas: decay rates of both moments of Adam.
      kind: `adam`, or `muon`, whose updates have the root mean square of Adam's, 0.2 (Liu et al.
        2025, section 2.2), so that rates that suit one suit the other.
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
