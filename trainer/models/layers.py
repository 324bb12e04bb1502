"""Layers and operations that several models share."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import tensorflow as tf
from keras import layers, ops

from trainer.engine import distribution

# Layers and models that are made of layers.


class Composite:
    """Has its parts built one by one, as `call` reaches them.

    Keras builds a layer that says nothing of its own by a symbolic call before the real one. Nested
    layers do so on each level, so that the innermost are called once more for each level above
    them: two thirds of the time in which a model is made.

    Stands before `keras.layers.Layer` or `keras.Model` among the bases.
    """

    def build(self, first_shape) -> None:
        """Does nothing; Keras then counts the layer as built."""


# Operations whose result for a row does not depend on its place among the rows.
#
# A processor computes several neighbouring numbers with one instruction (SIMD). The numbers left
# over at the end of a tensor are computed one by one, or by another kernel, and the last bits may
# differ. This concerns `exp`, `log`, `rsqrt`, `sigmoid`, `pow` and the reciprocal. Sums, products,
# quotients and square roots of single numbers are correctly rounded either way, and sums over a row
# are summed in one order. The functions here fill tensors up so that nothing is left over.


# float32 numbers in the widest registers (AVX-512); those of AVX2 hold half as many.
LANES = 16
# oneDNN's matrix product for AVX2 computes blocks of six rows. A rest of one to three rows goes
# through a kernel that sums in another order, a rest of four does not. Multiples of four also leave
# whole registers to the elementwise functions, whatever even width a layer has.
BLOCK, REST = 12, 4


def elementwise(
    function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, fill: float = 0.0
) -> tf.Tensor:
    """Applies `function` to x, filled up so that each row is a multiple of `LANES` numbers.

    The last axis is filled up, and only where the row as a whole leaves numbers over.

    Args:
      function: computes each element from that element alone. Filling up does not help functions
        that reduce, such as `tf.nn.softmax`: they compute one number per row, and the rows are
        what is left over then.
      x: float [..., n]; n is static. A row is what lies behind the first axis.
      fill: value of the added elements.

    Returns:
      `function` of x, [..., n].
    """
    width = x.shape[-1]
    row = x.shape[1:].num_elements() or width
    if row % LANES == 0 or width % LANES == 0:
        return function(x)
    missing = -width % LANES
    ends = [[0, 0]] * (len(x.shape) - 1) + [[0, missing]]
    return function(tf.pad(x, ends, constant_values=fill))[..., :width]


def sigmoid(x: tf.Tensor) -> tf.Tensor:
    """Sigmoid of float [..., n], of any static n."""
    return elementwise(tf.sigmoid, x)


def softmax(x: tf.Tensor) -> tf.Tensor:
    """Softmax over the last axis.

    TensorFlow's own kernel multiplies by the reciprocals of the rows' sums, and computes these
    reciprocals for several rows at once. A quotient is correctly rounded in any row.

    Args:
      x: float [..., n]; n is static.

    Returns:
      Probabilities [..., n].
    """
    weights = elementwise(tf.exp, _shifted(x))
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)


def log_softmax(x: tf.Tensor) -> tf.Tensor:
    """Logarithm of the softmax over the last axis.

    TensorFlow's own kernel computes the logarithms of the sums of several rows at once.

    Args:
      x: float [..., n]; n is static.

    Returns:
      Log probabilities [..., n].
    """
    shifted = _shifted(x)
    total = tf.reduce_sum(elementwise(tf.exp, shifted), axis=-1, keepdims=True)
    return shifted - elementwise(tf.math.log, total, fill=1.0)


def _shifted(x: tf.Tensor) -> tf.Tensor:
    """x minus its row's maximum, so that `exp` cannot overflow; the result does not depend on what
    is subtracted, and so there is no gradient to follow."""
    return x - tf.stop_gradient(tf.reduce_max(x, axis=-1, keepdims=True))


def whole_rows(rows: int) -> int:
    """The least number of rows, `rows` or more, that a matrix product treats alike."""
    if rows <= REST:
        return rows
    return rows + min(-rows % BLOCK, (REST - rows) % BLOCK)


def pad_rows(x: tf.Tensor, rows: int) -> tf.Tensor:
    """Fills [n, ...] up to [rows, ...] with zeros; n is static."""
    missing = rows - x.shape[0]
    if not missing:
        return x
    return tf.pad(x, [[0, missing]] + [[0, 0]] * (len(x.shape) - 1))


# Batch normalisation by TensorFlow's one fused operation.


class FusedBatchNormalization(layers.BatchNormalization):
    """`keras.layers.BatchNormalization` over the last axis, of the same weights and results.

    Keras takes moments and normalises in separate operations, each of which passes over the whole
    picture; on a CPU in bfloat16 the fused form trains in about half the time. Among several
    replicas the moments are those of the whole batch.

    Call arguments:
      inputs: float [N, H, W, C].
    """

    def call(self, inputs, training=None, mask=None):
        if not training or not self.trainable:
            return super().call(inputs, training=False, mask=mask)
        if distribution.count() > 1:
            return self._across_replicas(inputs)
        normed, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, tf.float32),
            offset=tf.cast(self.beta, tf.float32),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            is_training=True,
        )
        # Keras averages the variance of the batch itself, the operation estimates the population's.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance *= (count - 1) / count
        self._follow(mean, variance)
        return normed

    def _across_replicas(self, inputs):
        """The same with moments of the batch of all replicas, which the operation cannot take."""
        x = tf.cast(inputs, tf.float32)
        own_mean, own_variance = tf.nn.moments(x, [0, 1, 2])
        mean = distribution.mean(own_mean)
        variance = distribution.mean(own_variance + (own_mean - mean) ** 2)
        self._follow(mean, variance)
        gamma, beta = (tf.cast(weight, tf.float32) for weight in (self.gamma, self.beta))
        normed = tf.nn.batch_normalization(x, mean, variance, beta, gamma, self.epsilon)
        return tf.cast(normed, inputs.dtype)

    def _follow(self, mean, variance) -> None:
        for average, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + now * (1 - self.momentum))


# Sides and widths of the grids between a seed and a picture.


LARGEST_SEED = 7


def seed_side(resolution: int) -> int:
    """The side that generators grow from and discriminators end at: at most 7.

    Pictures of 28 pixels have a seed of 7 x 7, those of a power of two one of 4 x 4.
    """
    side = resolution
    while side > LARGEST_SEED:
        side //= 2
    return side


def channels(width: int, side: int, top: int, widest: int) -> int:
    """`width` at the side `top`, doubled with each halving, at most `widest` times as many."""
    return width * min(widest, max(1, top // side))


def at(side: int) -> str:
    """The name of a layer that is known by the side of its grid, see `trainer.transfer.weights`."""
    return f"at_{side}"


# Places that read their own part of a condition.


class Consult(Composite, layers.Layer):
    """Gated conditioning: adds to every place what the condition says of what is there.

    Keras writes the name of this class into files of weights; another name could not read them.

    Each place chooses by a gate which entries of the condition it reads: where a circle is being
    painted, the circle's colour. The gates stand for AttnGAN's attention over words (Xu et al.
    2018, section 3.1), which also lets places read different parts of a sentence.

    Call arguments:
      x: [N, H, W, C];  condition: [N, d].
    """

    axes: ClassVar = {
        "gate/kernel": ("", "gates"),
        "gate/bias": ("gates",),
        "read/kernel": ("told", ""),
    }

    def __init__(self, channels: int, width: int, **kwargs):
        super().__init__(**kwargs)
        self.gate = layers.Dense(width, activation=sigmoid)
        self.read = layers.Dense(channels)

    def call(self, x, condition):
        told = ops.cast(condition, x.dtype)[:, None, None, :]
        return x + self.read(self.gate(x) * told)
