"""Two-stage architecture: stage I generates a small picture from the caption, stage II refines it.

Source: StackGAN (Zhang et al. 2017)."""

from __future__ import annotations

from typing import ClassVar

import keras
from keras import layers, ops

from trainer.config import GeneratorSettings
from trainer.losses.variational import gaussian_kl
from trainer.models.dcgan import WIDER, DcganPainter, Grow
from trainer.models.encoder import ResidualBlock
from trainer.models.layers import Composite, FusedBatchNormalization, at
from trainer.models.layers import channels as channels_at

# Conditioning augmentation: samples the code from a Gaussian that depends on the caption.
#
# Source: StackGAN (Zhang et al. 2017, section 3.2). The KL divergence keeps the codes smooth, so
# that few captions cover the space between them.


class ConditioningAugmentation(Composite, layers.Layer):
    """Samples a code from a Gaussian whose mean and variance depend on the text.

    The standard normal draw is an argument. It is a part of the generator's noise, so a served
    picture depends on noise and text alone.

    Call arguments:
      text: float [N, c] condition vectors;  draw: float [N, width], standard normal.
    Returns:
      float32 [N, width].
    """

    def __init__(self, width: int, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.mean = layers.Dense(width, dtype="float32")
        self.log_variance = layers.Dense(width, dtype="float32")

    def call(self, text, draw):
        mean, log_variance = self.moments(text)
        return mean + ops.exp(0.5 * log_variance) * draw

    def moments(self, text):
        """Returns mean and log variance, both float32 [N, width]; the latter is clipped."""
        return self.mean(text), ops.clip(self.log_variance(text), -8.0, 4.0)

    def divergence(self, text):
        """Returns the KL divergence of the Gaussian from the standard normal, float32 [N] nats."""
        return gaussian_kl(*self.moments(text))


# The two stages: a small picture, the sketch, from noise and text; then the final picture from
# sketch and text.
#
# Source: StackGAN (Zhang et al. 2017, sections 3.3 and 3.4). Stage I is the generator of `dcgan`
# with noise and an augmented text code as input. Stage II downsamples the sketch, concatenates the
# text code, and upsamples to a correction. Unlike in the paper, the correction is added to the
# sketch and its last layer starts at zero, so an untrained stage II returns the enlarged sketch.


# Sketch values are clipped to this before arctanh: a quarter of one of 256 levels below 1.
BRIGHTEST = 0.998


def sketch_side(settings: GeneratorSettings, resolution: int) -> int:
    """Returns the side of stage I's pictures."""
    return settings.sketch_resolution or resolution // 2


def code_width(settings: GeneratorSettings, condition: int) -> int:
    """Returns the length of the text code: twice that of the noise (StackGAN has 128 and 100)."""
    return 2 * settings.noise if condition else 0


class Sketcher(Composite, keras.Model):
    """Stage I: generates the sketch.

    Call arguments:
      noise: float [N, noise + code], of which the last `code` entries draw the text code.
      text: float [N, c] condition vectors.
      training: batch normalisation uses the batch and updates its averages.
    Returns:
      float32 [N, r, r, 3] in [-1, 1].
    """

    def __init__(self, settings: GeneratorSettings, side: int, condition: int, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.own = settings.noise
        width = code_width(settings, condition)
        self.augment = ConditioningAugmentation(width) if condition else None
        self.painter = DcganPainter(WIDER * settings.width, side, settings.widest)

    def call(self, inputs, training=False):
        noise, text = inputs
        if self.augment is not None:
            code = self.augment(text, noise[:, self.own :])
            noise = ops.concatenate([noise[:, : self.own], code], axis=-1)
        return self.painter(noise, training=training)


class Shrink(Composite, layers.Layer):
    """Halves the side: 4x4 convolution, batch normalisation, leaky ReLU.

    Call arguments:
      x: float [N, H, W, C].
    Returns:
      float [N, H / 2, W / 2, channels].
    """

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.convolve = layers.Conv2D(channels, 4, strides=2, padding="same", use_bias=False)
        self.norm = FusedBatchNormalization(momentum=0.9)

    def call(self, x, training=False):
        return ops.leaky_relu(self.norm(self.convolve(x), training=training), 0.2)


class Refiner(Composite, keras.Model):
    """Stage II: adds a correction to the enlarged sketch, before the tanh.

    Call arguments:
      sketch: float32 [N, r, r, 3] in [-1, 1].
      noise: float [N, noise + code], of which only the last `code` entries are read.
      text: float [N, c] condition vectors.
      training: batch normalisation uses the batch and updates its averages.
    Returns:
      float32 [N, R, R, 3] in [-1, 1].
    """

    def __init__(
        self, settings: GeneratorSettings, sketch: int, resolution: int, condition: int, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        self.own, width, widest = settings.noise, settings.width, settings.widest
        self.augment = (
            ConditioningAugmentation(code_width(settings, condition)) if condition else None
        )
        self.stem = layers.Conv2D(width, 3, padding="same", name=at(sketch))
        side, self.shrink = sketch, []
        # Down to a quarter of the sketch's side, as in the paper (64 pixels to 16 positions).
        while side % 2 == 0 and side > sketch // 4:
            side //= 2
            self.shrink.append(Shrink(channels_at(width, side, sketch, widest), name=at(side)))
        channels = channels_at(width, side, sketch, widest)
        self.join = layers.Conv2D(channels, 3, padding="same", use_bias=False)
        self.join_norm = FusedBatchNormalization(momentum=0.9)
        self.blocks: list[layers.Layer] = [ResidualBlock(channels, 1) for _ in range(2)]
        while side < resolution // 2:
            side *= 2
            wide = channels_at(width, side, resolution // 2, widest)
            self.blocks.append(Grow(wide, name=at(side)))
        self.correct = layers.Conv2DTranspose(
            3,
            4,
            strides=2,
            padding="same",
            kernel_initializer="zeros",
            dtype="float32",
            name=at(resolution),
        )
        self.enlarge = layers.UpSampling2D(
            resolution // sketch, interpolation="bilinear", dtype="float32"
        )

    def call(self, inputs, training=False):
        sketch, noise, text = inputs
        x = self._look(sketch, noise, text, training)
        for block in self.blocks:
            x = block(x, training=training)
        shown = ops.clip(self.enlarge(sketch), -BRIGHTEST, BRIGHTEST)
        return ops.tanh(ops.arctanh(shown) + self.correct(x))

    def _look(self, sketch, noise, text, training):
        """Encodes the sketch and joins the text code to every position of the feature map."""
        x = ops.leaky_relu(self.stem(sketch), 0.2)
        for shrink in self.shrink:
            x = shrink(x, training=training)
        if self.augment is not None:
            code = ops.cast(self.augment(text, noise[:, self.own :]), x.dtype)
            code = ops.broadcast_to(code[:, None, None, :], (*ops.shape(x)[:-1], code.shape[-1]))
            x = ops.concatenate([x, code], axis=-1)
        return ops.relu(self.join_norm(self.join(x), training=training))


class TwoStageGenerator(Composite, keras.Model):
    """Generates pictures from noise and condition vectors in two stages.

    Both stages use the same draw for the text code, each with its own mean and variance.

    Attributes:
      first: (noise, text) -> sketch, a `Sketcher`.
      second: (sketch, noise, text) -> picture, a `Refiner`.

    Call arguments:
      noise: float [N, noise_width];  text: float [N, c] condition vectors.
      training: batch normalisation uses the batch and updates its averages.
    Returns:
      float32 [N, R, R, 3] in [-1, 1].
    """

    axes: ClassVar = {
        "*/augment/mean/kernel": ("told", ""),
        "*/augment/log_variance/kernel": ("told", ""),
    }

    def __init__(self, settings: GeneratorSettings, resolution: int, condition: int, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.noise_width = settings.noise + code_width(settings, condition)
        side = sketch_side(settings, resolution)
        self.first = Sketcher(settings, side, condition)
        self.second = Refiner(settings, side, resolution, condition)

    def call(self, inputs, training=False):
        noise, text = inputs
        sketch = self.first((noise, text), training=training)
        return self.second((sketch, noise, text), training=training)

    def divergence(self, text):
        """Returns the KL divergence of both augmentations, float32 [N] nats; 0 if c is 0."""
        parts = [self.first.augment, self.second.augment]
        zero = ops.zeros(ops.shape(text)[:1], "float32")
        return sum((part.divergence(text) for part in parts if part is not None), zero)
