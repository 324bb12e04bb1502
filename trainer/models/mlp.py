"""The multilayer perceptrons of the original GAN, as a baseline.

Source: Goodfellow et al. 2014, section 5: ReLU and a sigmoid in the generator, maxout in the
discriminator. The condition is concatenated to the noise (Mirza and Osindero 2014, section 4.1).
The model is known from 28 x 28 pixels. Its outer layers grow with the number of pixels: 1.6 million
weights each at 32 pixels and the default widths, 100 million at 256. The discriminator has no
dropout; augmentation and penalties are shared with the other architectures.
"""

from __future__ import annotations

from typing import ClassVar

import keras
from keras import layers, ops

from trainer.config import GeneratorSettings
from trainer.models.layers import Composite

# Hidden units per unit of `width`, and affine pieces of a maxout unit.
UNITS = 16
PIECES = 2


class MlpGenerator(Composite, keras.Model):
    """Generates pictures from noise and condition vectors by two hidden layers.

    Call arguments:
      noise: float [N, noise_width];  text: float [N, c] condition vectors.
      training: has no effect.
    Returns:
      float32 [N, R, R, 3] in [-1, 1].
    """

    axes: ClassVar = {"first/kernel": ("told", "")}

    def __init__(self, settings: GeneratorSettings, resolution: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.noise_width = settings.noise
        self.first = layers.Dense(UNITS * settings.width, activation="relu")
        self.second = layers.Dense(UNITS * settings.width, activation="relu")
        self.pixels = layers.Dense(3 * resolution**2, activation="sigmoid", dtype="float32")
        self.reshape = layers.Reshape((resolution, resolution, 3), dtype="float32")

    def call(self, inputs, training=False):
        noise, text = inputs
        x = self.second(self.first(ops.concatenate([noise, text], axis=-1)))
        return self.reshape(2.0 * self.pixels(x) - 1.0)


class Maxout(Composite, layers.Layer):
    """Each unit is the maximum of several affine functions (Goodfellow et al. 2013, section 2).

    Call arguments:
      x: float [N, d].
    Returns:
      float [N, units].
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.pieces = layers.Dense(PIECES * units)
        self.split = layers.Reshape((PIECES, units))

    def call(self, x):
        return ops.max(self.split(self.pieces(x)), axis=1)


class MlpBackbone(Composite, layers.Layer):
    """Backbone of the discriminator; its feature map has a single position.

    Attributes:
      side, channels: of the feature map;  width: its channels.

    Call arguments:
      images: float [N, R, R, 3] in [-1, 1].
    Returns:
      float [N, 1, 1, channels].
    """

    def __init__(self, settings: GeneratorSettings, resolution: int, **kwargs):
        super().__init__(**kwargs)
        self.side, self.channels = 1, UNITS * settings.discriminator_width // PIECES
        self.width = self.channels
        self.flatten = layers.Flatten()
        self.first = Maxout(self.channels)
        self.second = Maxout(self.channels)

    def call(self, images):
        return self.second(self.first(self.flatten(images)))[:, None, None, :]
