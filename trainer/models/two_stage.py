"""Two-stage text-to-image pair: a small picture from the sentence, then a larger one from both.

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

# Conditioning augmentation: a Gaussian around each caption in place of its one code.
#
# Source: StackGAN (Zhang et al. 2017, section 3.2). A caption then stands for a small cloud of
# codes, which the divergence keeps smooth, so that few captions cover the space between them.


class ConditioningAugmentation(Composite, layers.Layer):
    """A code drawn from the Gaussian that the text gives.

    The standard normal draw is an argument: it is a part of the generator's noise, so that a served
    picture depends on noise and text alone.

    Call arguments:
      text: float [N, c];  draw: float [N, width].
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
        """Returns mean and log variance, both float32 [N, width]; the variance is bounded."""
        return self.mean(text), ops.clip(self.log_variance(text), -8.0, 4.0)

    def divergence(self, text):
        """KL divergence in nats of the text's Gaussian from the standard one, float32 [N]."""
        return gaussian_kl(*self.moments(text))


# Two stages: a small sketch from noise and text, then a larger picture from sketch and text.
#
# Source: StackGAN (Zhang et al. 2017, sections 3.3 and 3.4). Stage I is the painter of `dcgan`, fed
# with noise and an augmented code of the text. Stage II looks at the sketch on a coarser grid,
# joins the text to it again, and grows a correction. Other than in the paper the correction is
# added to the sketch and starts at zero, so that a picture is the sketch where stage II has learned
# nothing.


# Sketches are read off their tanh up to here, a quarter of one of 256 levels from the end.
BRIGHTEST = 0.998


def sketch_side(settings: GeneratorSettings, resolution: int) -> int:
    """The side of stage I's pictures."""
    return settings.sketch_resolution or resolution // 2


def code_width(settings: GeneratorSettings, condition: int) -> int:
    """Numbers in the text's code: twice those of the noise (StackGAN has 128 and 100)."""
    return 2 * settings.noise if condition else 0


class Sketcher(Composite, keras.Model):
    """Stage I.

    Call arguments:
      noise: float [N, noise + code], the latter part for the code;  text: float [N, condition].
      training: normalise by the batch and move the averages; else normalise by the averages.
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
      x: [N, H, W, C].
    Returns:
      [N, H / 2, W / 2, channels].
    """

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.convolve = layers.Conv2D(channels, 4, strides=2, padding="same", use_bias=False)
        self.norm = FusedBatchNormalization(momentum=0.9)

    def call(self, x, training=False):
        return ops.leaky_relu(self.norm(self.convolve(x), training=training), 0.2)


class Refiner(Composite, keras.Model):
    """Stage II: the sketch, enlarged, plus a correction before the tanh.

    Call arguments:
      sketch: float32 [N, r, r, 3] in [-1, 1].
      noise: float [N, noise + code], of which the code's part is read.
      text: float [N, condition].
      training: normalise by the batch and move the averages; else normalise by the averages.
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
        # A grid of a quarter of the sketch's side, as 64 pixels give 16 places in the paper.
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
        """What there is in the sketch beside what the text says, at every place of the grid."""
        x = ops.leaky_relu(self.stem(sketch), 0.2)
        for shrink in self.shrink:
            x = shrink(x, training=training)
        if self.augment is not None:
            code = ops.cast(self.augment(text, noise[:, self.own :]), x.dtype)
            code = ops.broadcast_to(code[:, None, None, :], (*ops.shape(x)[:-1], code.shape[-1]))
            x = ops.concatenate([x, code], axis=-1)
        return ops.relu(self.join_norm(self.join(x), training=training))


class TwoStageGenerator(Composite, keras.Model):
    """Picture from noise and sentence by way of a sketch.

    Both stages read the same draw, each around a mean and with deviations of its own.

    Attributes:
      first: (noise, text) -> sketch, a `Sketcher`.
      second: (sketch, noise, text) -> picture, a `Refiner`.

    Call arguments:
      noise: float [N, noise_width];  text: float [N, condition].
      training: normalise by the batch and move the averages; else normalise by the averages.
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
        """What the augmentation of both stages costs: KL in nats, float32 [N]; 0 without text."""
        parts = [self.first.augment, self.second.augment]
        zero = ops.zeros(ops.shape(text)[:1], "float32")
        return sum((part.divergence(text) for part in parts if part is not None), zero)
