"""Conditioning augmentation: a Gaussian around each caption in place of its one code.

Source: StackGAN (Zhang et al. 2017, section 3.2). A caption then stands for a small cloud of codes,
which the divergence keeps smooth, so that few captions cover the space between them.
"""

from __future__ import annotations

from keras import layers, ops

from trainer.losses.variational import gaussian_kl
from trainer.models.composite import Composite


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
