"""DCGAN architecture: strided convolutions, with batch normalisation in the generator.

Sources: DCGAN (Radford et al. 2016, section 3); the text is projected and concatenated to the noise
as in GAN-INT-CLS (Reed et al. 2016, section 4.1).

The generator upsamples by transposed convolutions as in the paper, but with 4x4 instead of 5x5
kernels. With a stride of 2 each output pixel then has the same number of taps (2x2), which avoids
the checkerboard artefacts of uneven overlap (Odena et al. 2016). On a CPU it is also the cheapest
of the usual forms: repeating pixels before a 4x4 convolution takes 1.3 to 2 times as long.

The discriminator has no batch normalisation. Real and generated pictures share a batch, and its
statistics would reveal or hide the difference between them. A gradient penalty also needs each
logit to depend on its own picture alone (Gulrajani et al. 2017, section 4).
"""

from __future__ import annotations

from typing import ClassVar

import keras
from keras import layers, ops

from trainer.config import GeneratorSettings
from trainer.models.layers import Composite, FusedBatchNormalization, at, seed_side
from trainer.models.layers import channels as channels_at

TOLD = 128
# Multiple of the width: a layer has one convolution where a block of `one_stage` has two.
WIDER = 2


class Grow(Composite, layers.Layer):
    """Doubles the side: transposed convolution, batch normalisation, ReLU.

    Call arguments:
      x: float [N, H, W, C].
    Returns:
      float [N, 2 H, 2 W, channels].
    """

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.convolve = layers.Conv2DTranspose(
            channels, 4, strides=2, padding="same", use_bias=False
        )
        self.norm = FusedBatchNormalization(momentum=0.9)

    def call(self, x, training=False):
        return ops.relu(self.norm(self.convolve(x), training=training))


class DcganPainter(Composite, layers.Layer):
    """Generates pictures from a single code, which includes the noise.

    Call arguments:
      code: float [N, d].
      training: batch normalisation uses the batch and updates its averages.
    Returns:
      float32 [N, R, R, 3] in [-1, 1].
    """

    def __init__(self, width: int, resolution: int, widest: int, **kwargs):
        super().__init__(**kwargs)
        side, top = seed_side(resolution), resolution // 2
        channels = channels_at(width, side, top, widest)
        self.seed = layers.Dense(side * side * channels, use_bias=False)
        self.reshape = layers.Reshape((side, side, channels))
        self.norm = FusedBatchNormalization(momentum=0.9)
        self.grow = []
        while side < top:
            side *= 2
            self.grow.append(Grow(channels_at(width, side, top, widest), name=at(side)))
        self.to_rgb = layers.Conv2DTranspose(
            3, 4, strides=2, padding="same", dtype="float32", name=at(resolution)
        )

    def call(self, code, training=False):
        x = ops.relu(self.norm(self.reshape(self.seed(code)), training=training))
        for grow in self.grow:
            x = grow(x, training=training)
        return ops.tanh(self.to_rgb(x))


class DcganGenerator(Composite, keras.Model):
    """Generates pictures from noise and condition vectors.

    Call arguments:
      noise: float [N, noise_width];  text: float [N, c] condition vectors.
      training: batch normalisation uses the batch and updates its averages.
    Returns:
      float32 [N, R, R, 3] in [-1, 1].
    """

    axes: ClassVar = {"tell/kernel": ("told", "")}

    def __init__(self, settings: GeneratorSettings, resolution: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.noise_width = settings.noise
        self.tell = layers.Dense(TOLD) if condition else None
        self.painter = DcganPainter(WIDER * settings.width, resolution, settings.widest)

    def call(self, inputs, training=False):
        noise, text = inputs
        if self.tell is None:
            return self.painter(noise, training=training)
        told = ops.leaky_relu(self.tell(text), 0.2)
        return self.painter(ops.concatenate([noise, told], axis=-1), training=training)


class DcganBackbone(Composite, layers.Layer):
    """Backbone of the discriminator: 4x4 convolutions of stride 2 with leaky ReLU.

    Attributes:
      side, channels: of the feature map;  width: its channels.

    Call arguments:
      images: float [N, R, R, 3] in [-1, 1].
    Returns:
      float [N, side, side, channels].
    """

    def __init__(self, settings: GeneratorSettings, resolution: int, **kwargs):
        super().__init__(**kwargs)
        self.side, end = resolution, seed_side(resolution)
        width, widest = settings.discriminator_width, settings.widest
        self.shrink = []
        while self.side > end:
            self.side //= 2
            self.channels = channels_at(width, self.side, resolution // 2, widest)
            layer = layers.Conv2D(self.channels, 4, strides=2, padding="same", name=at(self.side))
            self.shrink.append(layer)
        self.width = self.channels

    def call(self, images):
        x = images
        for convolve in self.shrink:
            x = ops.leaky_relu(convolve(x), 0.2)
        return x
