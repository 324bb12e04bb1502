"""Places that read their own part of a condition."""

from __future__ import annotations

from keras import layers, ops

from trainer.models.composite import Composite
from trainer.models.simd_padding import sigmoid


class GatedConditioning(Composite, layers.Layer):
    """Adds to every place what the condition says of what is there.

    Each place chooses by a gate which entries of the condition it reads: where a circle is being
    painted, the circle's colour. The gates stand for AttnGAN's attention over words (Xu et al.
    2018, section 3.1), which also lets places read different parts of a sentence.

    Call arguments:
      x: [N, H, W, C];  condition: [N, d].
    """

    def __init__(self, channels: int, width: int, **kwargs):
        super().__init__(**kwargs)
        self.gate = layers.Dense(width, activation=sigmoid)
        self.read = layers.Dense(channels)

    def call(self, x, condition):
        told = ops.cast(condition, x.dtype)[:, None, None, :]
        return x + self.read(self.gate(x) * told)
