"""Layers and operations shared by several models."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import tensorflow as tf
from keras import layers, ops

from trainer.engine import distribution

# Layers and models that consist of layers.


class Composite:
    """Mixin whose sublayers are built when `call` reaches them.

    Without a `build` method, Keras builds a layer by a symbolic call before the real one. Nested
    layers repeat this at each level, so the innermost are called once for every level above them.
    That takes two thirds of the time to build a model.

    List it before `keras.layers.Layer` or `keras.Model` among the base classes.
    """

    def build(self, first_shape) -> None:
        """Does nothing; Keras then counts the layer as built."""


# Operations whose result for a row does not depend on the position of the row in the batch.
#
# A processor computes several neighbouring numbers with one instruction (SIMD). The remainder at
# the end of a tensor is computed one by one, or by another kernel, and its last bits may differ.
# This concerns `exp`, `log`, `rsqrt`, `sigmoid`, `pow` and the reciprocal. Sums, products,
# quotients and square roots of single numbers are correctly rounded either way, and sums over a row
# have one order. The functions here pad tensors so that there is no remainder.


# float32 numbers in the widest registers (AVX-512); those of AVX2 hold half as many.
LANES = 16
# oneDNN's matrix product for AVX2 computes blocks of six rows. A remainder of one to three rows
# uses a kernel that sums in another order; a remainder of four does not. Multiples of four rows
# also fill whole registers in elementwise functions, for every even layer width.
BLOCK, REST = 12, 4


def elementwise(
    function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, fill: float = 0.0
) -> tf.Tensor:
    """Applies `function` to x, padded so that each row has a multiple of `LANES` numbers.

    Only the last axis is padded, and only if the row as a whole has a remainder.

    Args:
      function: computes each element from that element alone. Padding does not help reductions
        such as `tf.nn.softmax`: they compute one number per row, so the remainder is among rows.
      x: float [..., n]; n is static. A row is everything behind the first axis.
      fill: value of the padding.

    Returns:
      `function(x)`, [..., n].
    """
    width = x.shape[-1]
    row = x.shape[1:].num_elements() or width
    if row % LANES == 0 or width % LANES == 0:
        return function(x)
    missing = -width % LANES
    ends = [[0, 0]] * (len(x.shape) - 1) + [[0, missing]]
    return function(tf.pad(x, ends, constant_values=fill))[..., :width]


def sigmoid(x: tf.Tensor) -> tf.Tensor:
    """Sigmoid whose bits do not depend on the position of a row.

    Args:
      x: float [..., n]; n is static.
    """
    return elementwise(tf.sigmoid, x)


def softmax(x: tf.Tensor) -> tf.Tensor:
    """Softmax over the last axis.

    TensorFlow's kernel multiplies by the reciprocals of the rows' sums and computes these for
    several rows at once. A quotient, as used here, is correctly rounded in any row.

    Args:
      x: float [..., n]; n is static.

    Returns:
      Probabilities [..., n].
    """
    weights = elementwise(tf.exp, _shifted(x))
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)


def log_softmax(x: tf.Tensor) -> tf.Tensor:
    """Logarithm of the softmax over the last axis.

    TensorFlow's kernel computes the logarithms of the sums for several rows at once.

    Args:
      x: float [..., n]; n is static.

    Returns:
      Log probabilities [..., n].
    """
    shifted = _shifted(x)
    total = tf.reduce_sum(elementwise(tf.exp, shifted), axis=-1, keepdims=True)
    return shifted - elementwise(tf.math.log, total, fill=1.0)


def _shifted(x: tf.Tensor) -> tf.Tensor:
    """Subtracts the maximum of each row, so that `exp` cannot overflow.

    The softmax does not depend on the subtracted value, so its gradient is stopped.
    """
    return x - tf.stop_gradient(tf.reduce_max(x, axis=-1, keepdims=True))


def whole_rows(rows: int) -> int:
    """Returns the smallest number of rows, at least `rows`, that a matrix product treats alike."""
    if rows <= REST:
        return rows
    return rows + min(-rows % BLOCK, (REST - rows) % BLOCK)


def pad_rows(x: tf.Tensor, rows: int) -> tf.Tensor:
    """Pads [n, ...] with zeros to [rows, ...]; n is static."""
    missing = rows - x.shape[0]
    if not missing:
        return x
    return tf.pad(x, [[0, missing]] + [[0, 0]] * (len(x.shape) - 1))


# Batch normalisation by TensorFlow's fused operation.


class FusedBatchNormalization(layers.BatchNormalization):
    """`keras.layers.BatchNormalization` over the last axis, with the same weights and results.

    Keras computes moments and normalises in separate passes over the tensor; on a CPU in bfloat16
    the fused operation takes about half the time in training. With several replicas the moments
    are those of the whole batch.

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
        # Keras averages the biased variance of the batch; the operation returns the unbiased one.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance *= (count - 1) / count
        self._follow(mean, variance)
        return normed

    def _across_replicas(self, inputs):
        """Normalises by the moments of all replicas, which the fused operation cannot take."""
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


# Sides and widths of the feature maps between the seed, the smallest one, and the picture.


LARGEST_SEED = 7


def seed_side(resolution: int) -> int:
    """Returns the side of the generator's first and the discriminator's last feature map.

    It is 7 for pictures of 28 pixels, and 4 for powers of two.
    """
    side = resolution
    while side > LARGEST_SEED:
        side //= 2
    return side


def channels(width: int, side: int, top: int, widest: int) -> int:
    """Returns the channels at a side: `width` at `top`, doubled at each halving of the side.

    Args:
      width: channels at the side `top`.
      side: side of the feature map.
      top: the largest side.
      widest: maximum multiple of `width`.
    """
    return width * min(widest, max(1, top // side))


def at(side: int) -> str:
    """Returns the name of a layer at a feature map's side, see `trainer.transfer.weights`."""
    return f"at_{side}"


# Gated conditioning.


class Consult(Composite, layers.Layer):
    """Gated conditioning: each position of a feature map adds its own part of the condition.

    A gate at each position selects the entries of the condition vector to read: for example the
    colour of the circle at the circle's position. The gates replace AttnGAN's attention over words
    (Xu et al. 2018, section 3.1), which also lets positions read different parts of a sentence.

    Keras writes the name of this class into weight files, so renaming it makes them unreadable.

    Call arguments:
      x: float [N, H, W, C];  condition: float [N, c].
    Returns:
      float [N, H, W, C].
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
