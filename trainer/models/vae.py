"""Conditional variational autoencoder.

Sources: Kingma and Welling 2014, appendix C, with convolutions. Encoder and decoder both read the
caption (Sohn et al. 2015, section 4.1), so the noise need not encode what the caption states.
"""

from __future__ import annotations

from typing import ClassVar

import keras
from keras import layers, ops

from trainer.config import GeneratorSettings
from trainer.models.layers import Composite, at, channels, seed_side


class VaeEncoder(Composite, keras.Model):
    """q(noise | picture, caption), a diagonal Gaussian.

    Call arguments:
      images: float [N, R, R, 3] in [-1, 1];  text: float [N, c] condition vectors.
    Returns:
      mean and log variance, both float32 [N, z]; the latter is clipped to [-8, 4].
    """

    axes: ClassVar = {"hidden/kernel": ("told", "")}

    def __init__(self, settings: GeneratorSettings, resolution: int, **kwargs):
        super().__init__(**kwargs)
        self.convolutions, side = [], resolution
        while side > seed_side(resolution):
            side //= 2
            wide = channels(settings.width, side, resolution // 2, settings.widest)
            layer = layers.Conv2D(wide, 4, strides=2, padding="same", name=at(side))
            self.convolutions.append(layer)
        self.flatten = layers.Flatten()
        self.hidden = layers.Dense(256)
        self.mean = layers.Dense(settings.noise, dtype="float32")
        self.log_variance = layers.Dense(settings.noise, dtype="float32")

    def call(self, inputs):
        x, text = inputs
        for convolution in self.convolutions:
            x = ops.leaky_relu(convolution(x), 0.2)
        x = ops.concatenate([self.flatten(x), ops.cast(text, x.dtype)], axis=-1)
        x = ops.leaky_relu(self.hidden(x), 0.2)
        return self.mean(x), ops.clip(self.log_variance(x), -8.0, 4.0)


class VaeDecoder(Composite, keras.Model):
    """The mean of p(picture | noise, caption).

    Call arguments:
      noise: float [N, z];  text: float [N, c] condition vectors.
      training: has no effect.
    Returns:
      float32 [N, R, R, 3] in [-1, 1].
    """

    axes: ClassVar = {"hidden/kernel": ("told", "")}

    def __init__(self, settings: GeneratorSettings, resolution: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.noise_width = settings.noise
        side, top = seed_side(resolution), resolution // 2
        wide = channels(settings.width, side, top, settings.widest)
        self.hidden = layers.Dense(256)
        self.seed = layers.Dense(side * side * wide)
        self.reshape = layers.Reshape((side, side, wide))
        self.upsample = layers.UpSampling2D(2)
        self.convolutions = []
        while side < resolution:
            side *= 2
            wide = channels(settings.width, side, top, settings.widest)
            self.convolutions.append(layers.Conv2D(wide, 3, padding="same", name=at(side)))
        self.to_rgb = layers.Conv2D(3, 3, padding="same", dtype="float32", name=at(resolution))

    def call(self, inputs, training=None):
        noise, text = inputs
        x = ops.leaky_relu(self.hidden(ops.concatenate([noise, text], axis=-1)), 0.2)
        x = ops.leaky_relu(self.reshape(self.seed(x)), 0.2)
        for convolution in self.convolutions:
            x = ops.leaky_relu(convolution(self.upsample(x)), 0.2)
        return ops.tanh(self.to_rgb(x))
