"""One-stage text-to-image pair: a text-modulated residual generator and a matching-aware critic.

Source of the idea: DF-GAN (Tao et al. 2022), section 3: one backbone, the sentence modulates every
block, the discriminator has a single head on picture and sentence. To spend few operations at full
resolution, the generator's last step is a depth-to-space and the discriminator's first one a
space-to-depth, so that no 3x3 convolution runs above half the resolution.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers, ops

from trainer.config import GeneratorSettings

SEED_SIDE = 4
# Finer grids than this read the condition as a whole only.
CONSULTED_SIDE = 8


def _channels(width: int, side: int, top: int, most: int = 4) -> int:
    return width * min(most, max(1, top // side))


class Modulate(layers.Layer):
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
    return x * ops.cast(ops.rsqrt(square + 1e-8), x.dtype)


class Consult(layers.Layer):
    """Adds to every place what the condition says of what is there.

    Each place chooses by a gate which entries of the condition it reads: where a circle is being
    painted, the circle's colour. The gates stand for AttnGAN's attention over words (Xu et al.
    2018, section 3.1), which also lets places read different parts of a sentence.

    Call arguments:
      x: [N, H, W, C];  condition: [N, d].
    """

    def __init__(self, channels: int, width: int, **kwargs):
        super().__init__(**kwargs)
        self.gate = layers.Dense(width, activation="sigmoid")
        self.read = layers.Dense(channels)

    def call(self, x, condition):
        told = ops.cast(condition, x.dtype)[:, None, None, :]
        return x + self.read(self.gate(x) * told)


class GeneratorBlock(layers.Layer):
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


class OneStageGenerator(keras.Model):
    """Picture from noise and sentence.

    Call arguments:
      noise: float [N, noise];  text: float [N, c], the encoder's `condition`.
    Returns:
      float32 [N, R, R, 3] in [-1, 1].
    """

    def __init__(self, settings: GeneratorSettings, resolution: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        top = resolution // 2
        channels = _channels(settings.width, SEED_SIDE, top)
        self.condition = layers.Dense(256)
        self.seed = layers.Dense(SEED_SIDE * SEED_SIDE * channels)
        self.reshape = layers.Reshape((SEED_SIDE, SEED_SIDE, channels))
        self.blocks = [GeneratorBlock(channels, channels, upsample=False)]
        self.consult = [Consult(channels, condition)]
        side = SEED_SIDE
        while side < top:
            side *= 2
            wide = _channels(settings.width, side, top)
            self.blocks.append(GeneratorBlock(channels, wide, upsample=True))
            channels = wide
            if side <= CONSULTED_SIDE:
                self.consult.append(Consult(channels, condition))
        self.to_rgb = layers.Conv2D(12, 3, padding="same", dtype="float32")

    def call(self, inputs):
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


class CriticBlock(layers.Layer):
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


class OneStageDiscriminator(keras.Model):
    """Realness and matching of picture and sentence in one logit.

    `features` maps pictures to a 4 x 4 grid, `judge` maps grid and sentence to a logit: a picture
    that is judged with several sentences is looked at once.
    """

    def __init__(self, settings: GeneratorSettings, resolution: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        top = resolution // 2
        width = settings.discriminator_width
        self.stem = layers.Conv2D(width, 3, padding="same")
        self.blocks = []
        side = top
        while side > SEED_SIDE:
            side //= 2
            self.blocks.append(CriticBlock(width * min(4, top // side)))
        channels = width * min(4, top // SEED_SIDE)
        self.consult = Consult(channels + 1, condition)
        self.sentence = layers.Dense(channels)
        self.joint = layers.Conv2D(2 * channels, 3, padding="same")
        # The last layers are in float32: logits of a converged critic differ in the third digit.
        self.squeeze = layers.Conv2D(64, 1, dtype="float32")
        self.flatten = layers.Flatten()
        self.logit = layers.Dense(1, dtype="float32")

    def features(self, images):
        """float [N, R, R, 3] -> [N, 4, 4, C + 1]; the last channel is the batch's spread."""
        x = self.stem(tf.nn.space_to_depth(images, 2))
        for block in self.blocks:
            x = block(x)
        return ops.concatenate([x, _batch_deviation(x)], axis=-1)

    def judge(self, grid, text):
        """Grid of `features` and float [N, c] conditions -> float32 [N] logits."""
        said = self.sentence(text)[:, None, None, :]
        said = ops.broadcast_to(said, (ops.shape(grid)[0], SEED_SIDE, SEED_SIDE, said.shape[-1]))
        x = ops.concatenate([self.consult(grid, text), ops.cast(said, grid.dtype)], axis=-1)
        x = ops.leaky_relu(self.joint(x), 0.2)
        x = ops.leaky_relu(self.squeeze(ops.cast(x, "float32")), 0.2)
        return self.logit(self.flatten(x))[:, 0]

    def call(self, inputs):
        images, text = inputs
        return self.judge(self.features(images), text)


def _batch_deviation(x, group: int = 4):
    """Standard deviation over groups of the batch, one value a picture, as one more channel.

    Source: progressive growing (Karras et al. 2018), section 3.
    """
    shape = ops.shape(x)
    size = group if isinstance(shape[0], int) and shape[0] % group == 0 else 1
    groups = ops.reshape(ops.cast(x, "float32"), (size, -1, shape[1], shape[2], shape[3]))
    spread = ops.sqrt(ops.var(groups, axis=0) + 1e-8)
    one = ops.mean(spread, axis=(1, 2, 3))[None, :]
    tiled = ops.reshape(ops.repeat(one, size, axis=0), (-1, 1, 1, 1))
    return ops.cast(ops.broadcast_to(tiled, (shape[0], shape[1], shape[2], 1)), x.dtype)
