"""Discriminators: an architecture's body below a head of one's choice."""

from __future__ import annotations

import keras
from keras import layers

from trainer.models.composite import Composite


class Discriminator(Composite, keras.Model):
    """Realness of pictures, and with most heads how well they match a sentence, as one logit.

    `features` reads pictures, `logits` reads sentences too: of a picture with several sentences the
    features are computed once.

    Args:
      body: float [N, R, R, 3] -> the grid that `head` reads, [N, side, side, channels].
      head: see `trainer.models.heads`.

    Call arguments:
      images: float [N, R, R, 3] in [-1, 1];  text: float [N, c], the encoder's `condition`.
    Returns:
      float32 [N] logits.
    """

    def __init__(self, body: layers.Layer, head: layers.Layer, **kwargs):
        super().__init__(**kwargs)
        self.body, self.head = body, head

    def features(self, images):
        """float [N, R, R, 3] -> [N, side, side, channels], in the compute dtype."""
        return self.body(images)

    def logits(self, features, text):
        """What `features` returned and float [N, c] sentences -> float32 [N] logits."""
        return self.head(features, text)

    def call(self, inputs):
        images, text = inputs
        return self.logits(self.features(images), text)
