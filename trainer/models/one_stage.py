"""One-stage text-to-image pair: a text-modulated residual generator and its discriminator's body.

Source of the idea: DF-GAN (Tao et al. 2022), section 3: one backbone, the sentence modulates every
block, the discriminator is residual too. To spend few operations at full resolution, the
generator's last step is a depth-to-space and the discriminator's first one a space-to-depth, so
that no 3x3 convolution runs above half the resolution.
"""

from __future__ import annotations

from typing import ClassVar

import keras
import tensorflow as tf
from keras import layers, ops

from trainer.config import GeneratorSettings
from trainer.models.layers import Composite, Consult, at, elementwise, seed_side
from trainer.models.layers import channels as channels_at

# Finer grids than this read the condition as a whole only.
CONSULTED_SIDE = 8


class Modulate(Composite, layers.Layer):
    """Scales and shifts channels by affine functions of the condition, then leaky ReLU.

    Call arguments:
      x: [N, H, W, C];  condition: [N, d].
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
    """Every place's channels at a mean square of 1 (Karras et al. 2018, section 4.2)."""
    square = ops.mean(ops.square(ops.cast(x, "float32")), axis=-1, keepdims=True)
    # 7 x 7 places do not fill whole registers, and those left over would be rounded differently.
    return x * ops.cast(elementwise(tf.math.rsqrt, square + 1e-8, fill=1.0), x.dtype)


class GeneratorBlock(Composite, layers.Layer):
    """Two modulated 3x3 convolutions beside a shortcut; doubles the side first if `upsample`."""

    def __init__(self, channels_in: int, channels: int, upsample: bool, **kwargs):
        super().__init__(**kwargs)
        self.upsample = layers.UpSampling2D(2) if upsample else None
        self.modulate_first = Modulate(channels_in)
        self.modulate_second = Modulate(channels)
        self.first = layers.Conv2D(channels, 3, padding="same")
        self.second = layers.Conv2D(channels, 3, padding="same")
        self.shortcut = layers.Conv2D(channels, 1) if channels_in != channels else None

    def call(self, x, condition):
        # Modulation and the 1x1 shortcut cost a quarter before the side is doubled.
        h = self.modulate_first(x, condition)
        x = x if self.shortcut is None else self.shortcut(x)
        if self.upsample is not None:
            h, x = self.upsample(h), self.upsample(x)
        h = self.first(h)
        return x + self.second(self.modulate_second(h, condition))


class OneStageGenerator(Composite, keras.Model):
    """Picture from noise and sentence.

    Without a sentence (`condition` 0) the noise alone modulates the blocks.

    Call arguments:
      noise: float [N, noise_width];  text: float [N, condition], the encoder's `condition`.
      training: changes nothing here.
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
    """Halves the side by two convolutions beside a pooled shortcut."""

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
    """Pictures to the grid that a head judges; its last channel is the batch's spread.

    Attributes:
      side, channels: of the grid;  width: its channels without the spread.

    Call arguments:
      images: float [N, R, R, 3].
    Returns:
      [N, side, side, channels].
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
    """Standard deviation over groups of neighbours in the batch, one value a picture, as one more
    channel.

    A group is not to hold real pictures and generated ones, or it says nothing of either: where
    both are judged in one batch, the number of each has to be a multiple of `group`. So does what
    each of several devices, and each part of an accumulated step, sees of a batch.

    Source: progressive growing (Karras et al. 2018), section 3.
    """
    shape = ops.shape(x)
    size = group if isinstance(shape[0], int) and shape[0] % group == 0 else 1
    groups = ops.reshape(ops.cast(x, "float32"), (-1, size, shape[1], shape[2], shape[3]))
    spread = ops.sqrt(ops.var(groups, axis=1) + 1e-8)
    each = ops.repeat(ops.mean(spread, axis=(1, 2, 3)), size, axis=0)
    tiled = ops.reshape(each, (-1, 1, 1, 1))
    return ops.cast(ops.broadcast_to(tiled, (shape[0], shape[1], shape[2], 1)), x.dtype)
