"""One-stage architecture: a residual generator modulated by text, and a residual backbone.

After DF-GAN (Tao et al. 2022, section 3): a single generator whose blocks are all modulated by the
caption, and a residual discriminator. The generator ends in a depth-to-space and the discriminator
begins with a space-to-depth, so no 3x3 convolution runs above half the resolution.
"""

from __future__ import annotations

from typing import ClassVar

import keras
import tensorflow as tf
from keras import layers, ops

from trainer.config import GeneratorSettings
from trainer.models.layers import Composite, Consult, at, elementwise, seed_side
from trainer.models.layers import channels as channels_at

# Up to this side, feature maps also have gated conditioning.
CONSULTED_SIDE = 8


class Modulate(Composite, layers.Layer):
    """Normalises, then scales and shifts channels by affine functions of the condition; leaky ReLU.

    Call arguments:
      x: float [N, H, W, C];  condition: float [N, d].
    Returns:
      float [N, H, W, C].
    """

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.scale = layers.Dense(channels, kernel_initializer="zeros", bias_initializer="ones")
        self.shift = layers.Dense(channels, kernel_initializer="zeros")

    def call(self, x, condition):
        scale = self.scale(condition)[:, None, None, :]
        shift = self.shift(condition)[:, None, None, :]
        return ops.leaky_relu(_unit(x) * scale + shift, 0.2)


def _unit(x):
    """Pixel normalisation (Karras et al. 2018, section 4.2): mean square over channels becomes 1.

    The statistics are computed in float32.
    """
    square = ops.mean(ops.square(ops.cast(x, "float32")), axis=-1, keepdims=True)
    # 7 x 7 positions do not fill whole SIMD registers; the remainder would be rounded differently.
    return x * ops.cast(elementwise(tf.math.rsqrt, square + 1e-8, fill=1.0), x.dtype)


class GeneratorBlock(Composite, layers.Layer):
    """Residual block of two modulated 3x3 convolutions; doubles the side first if `upsample`.

    Call arguments:
      x: float [N, H, W, channels_in];  condition: float [N, d].
    Returns:
      float [N, H, W, channels], or [N, 2 H, 2 W, channels] with `upsample`.
    """

    def __init__(self, channels_in: int, channels: int, upsample: bool, **kwargs):
        super().__init__(**kwargs)
        self.upsample = layers.UpSampling2D(2) if upsample else None
        self.modulate_first = Modulate(channels_in)
        self.modulate_second = Modulate(channels)
        self.first = layers.Conv2D(channels, 3, padding="same")
        self.second = layers.Conv2D(channels, 3, padding="same")
        self.shortcut = layers.Conv2D(channels, 1) if channels_in != channels else None

    def call(self, x, condition):
        # Modulation and the 1x1 shortcut run before upsampling, at a quarter of the cost.
        h = self.modulate_first(x, condition)
        x = x if self.shortcut is None else self.shortcut(x)
        if self.upsample is not None:
            h, x = self.upsample(h), self.upsample(x)
        h = self.first(h)
        return x + self.second(self.modulate_second(h, condition))


class OneStageGenerator(Composite, keras.Model):
    """Generates pictures from noise and condition vectors.

    With an empty condition vector (c = 0) the noise alone modulates the blocks.

    Call arguments:
      noise: float [N, noise_width];  text: float [N, c] condition vectors.
      training: has no effect.
    Returns:
      float32 [N, R, R, 3] in [-1, 1].
    """

    axes: ClassVar = {
        "condition/kernel": ("told", ""),
        "seed/kernel": ("told", ""),
        **{f"consult/*/{name}": kinds for name, kinds in Consult.axes.items()},
    }

    def __init__(self, settings: GeneratorSettings, resolution: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.noise_width = settings.noise
        side, top = seed_side(resolution), resolution // 2
        channels = channels_at(settings.width, side, top, settings.widest)
        self.condition = layers.Dense(256)
        self.seed = layers.Dense(side * side * channels)
        self.reshape = layers.Reshape((side, side, channels))
        self.blocks = [GeneratorBlock(channels, channels, upsample=False, name=at(side))]
        self.consult = [Consult(channels, condition, name=at(side))] if condition else []
        while side < top:
            side *= 2
            wide = channels_at(settings.width, side, top, settings.widest)
            self.blocks.append(GeneratorBlock(channels, wide, upsample=True, name=at(side)))
            channels = wide
            if condition and side <= CONSULTED_SIDE:
                self.consult.append(Consult(channels, condition, name=at(side)))
        self.to_rgb = layers.Conv2D(12, 3, padding="same", dtype="float32", name=at(top))

    def call(self, inputs, training=False):
        noise, text = inputs
        both = ops.concatenate([noise, text], axis=-1)
        condition = ops.leaky_relu(self.condition(both), 0.2)
        x = self.reshape(self.seed(both))
        for index, block in enumerate(self.blocks):
            x = block(x, condition)
            if index < len(self.consult):
                x = self.consult[index](x, text)
        x = self.to_rgb(ops.leaky_relu(x, 0.2))
        return ops.tanh(tf.nn.depth_to_space(ops.cast(x, "float32"), 2))


class CriticBlock(Composite, layers.Layer):
    """Residual block of two convolutions with a pooled shortcut; halves the side.

    Call arguments:
      x: float [N, H, W, C].
    Returns:
      float [N, H / 2, W / 2, channels].
    """

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Conv2D(channels, 4, strides=2, padding="same")
        self.second = layers.Conv2D(channels, 3, padding="same")
        self.shortcut = layers.Conv2D(channels, 1)
        self.pool = layers.AveragePooling2D(2)

    def call(self, x):
        h = ops.leaky_relu(self.first(x), 0.2)
        h = ops.leaky_relu(self.second(h), 0.2)
        return self.shortcut(self.pool(x)) + h


class OneStageBackbone(Composite, layers.Layer):
    """Backbone of the discriminator; the last channel is the minibatch standard deviation.

    Attributes:
      side, channels: of the feature map;  width: its channels without the standard deviation.

    Call arguments:
      images: float [N, R, R, 3] in [-1, 1].
    Returns:
      float [N, side, side, channels].
    """

    def __init__(self, settings: GeneratorSettings, resolution: int, **kwargs):
        super().__init__(**kwargs)
        width, top = settings.discriminator_width, resolution // 2
        self.stem = layers.Conv2D(width, 3, padding="same", name=at(top))
        self.blocks = []
        self.side, end = top, seed_side(resolution)
        while self.side > end:
            self.side //= 2
            wide = channels_at(width, self.side, top, settings.widest)
            self.blocks.append(CriticBlock(wide, name=at(self.side)))
        self.width = channels_at(width, self.side, top, settings.widest)
        self.channels = self.width + 1

    def call(self, images):
        x = self.stem(tf.nn.space_to_depth(images, 2))
        for block in self.blocks:
            x = block(x)
        return ops.concatenate([x, _batch_deviation(x)], axis=-1)


def _batch_deviation(x, group: int = 4):
    """Returns the standard deviation over groups of neighbours in the batch as one more channel.

    Each group has one value. A group must not mix real and generated pictures. If both are in one
    batch, the number of each must be a multiple of `group`, also on each device and in each
    micro-batch.

    Source: progressive growing (Karras et al. 2018), section 3.

    Args:
      x: float [N, H, W, C].
      group: pictures per group; if it does not divide N, each picture is its own group.

    Returns:
      [N, H, W, 1], in the dtype of x.
    """
    shape = ops.shape(x)
    size = group if isinstance(shape[0], int) and shape[0] % group == 0 else 1
    groups = ops.reshape(ops.cast(x, "float32"), (-1, size, shape[1], shape[2], shape[3]))
    spread = ops.sqrt(ops.var(groups, axis=1) + 1e-8)
    each = ops.repeat(ops.mean(spread, axis=(1, 2, 3)), size, axis=0)
    tiled = ops.reshape(each, (-1, 1, 1, 1))
    return ops.cast(ops.broadcast_to(tiled, (shape[0], shape[1], shape[2], 1)), x.dtype)
