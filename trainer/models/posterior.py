"""The posterior of the noise, q(z | picture, caption), a diagonal Gaussian.

Source: conditional VAE-GAN (Bao et al. 2017, section 3). The posterior reads the frozen encoder's
feature map, which keeps positions, and the caption (Sohn et al. 2015, section 4.1). Without the
caption, the noise would have to encode the positions of objects, and with them relations such as
"above" that the caption states. With it, the noise encodes only what the caption leaves open, so
noise from the prior does not contradict captions. Gated conditioning lets each position of the
feature map read its own part of the caption, because what a corner means depends on which of two
objects is in front.
"""

from __future__ import annotations

from typing import ClassVar

import keras
import tensorflow as tf
from keras import layers, ops

from trainer.engine.randomness import normal
from trainer.models.layers import Composite, Consult


class Posterior(Composite, keras.Model):
    """Mean and log variance of the noise.

    Call arguments:
      grid: float [N, P, C], the frozen encoder's feature map.
      text: float [N, c], the generator's condition vector; c may be 0.
    Returns:
      mean and log variance, both float32 [N, z]; the latter is clipped to [-8, 4].
    """

    axes: ClassVar = {
        **{f"consult/{name}": kinds for name, kinds in Consult.axes.items()},
        "join/kernel": ("told", ""),
    }

    def __init__(self, noise: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.squeeze = layers.Dense(32)
        self.consult = Consult(32, condition) if condition else None
        self.flatten = layers.Flatten()
        self.join = layers.Dense(128)
        self.compare = layers.Dense(128)
        self.mean = layers.Dense(noise, dtype="float32")
        self.log_variance = layers.Dense(noise, dtype="float32", bias_initializer="zeros")

    def call(self, inputs):
        grid, text = inputs
        x = self.squeeze(grid)
        if self.consult is not None:
            x = self.consult(x[:, :, None], text)[:, :, 0]
        x = self.flatten(ops.leaky_relu(x, 0.2))
        x = ops.concatenate([x, ops.cast(text, x.dtype)], axis=-1)
        x = ops.leaky_relu(self.join(x), 0.2)
        x = ops.leaky_relu(self.compare(x), 0.2)
        return self.mean(x), ops.clip(self.log_variance(x), -8.0, 4.0)


def draw(mean: tf.Tensor, log_variance: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Samples the Gaussian by reparameterisation (Kingma and Welling 2014, section 2.4).

    Args:
      mean, log_variance: float32 [N, z].
      seed: int32 [2].

    Returns:
      float32 [N, z], differentiable with respect to mean and log variance.
    """
    return mean + tf.exp(0.5 * log_variance) * normal(seed, tf.shape(mean))
