"""What a generator is taught by frozen networks and real pictures, beside the game."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from trainer import distribution
from trainer.config import GeneratorSettings
from trainer.losses.contrastive import binary_cross_entropy, info_nce
from trainer.losses.variational import gaussian_kl, gaussian_reconstruction
from trainer.models.encoder import Encoder
from trainer.models.frozen import SentenceCodes

# Captions closer than this in the shared space say the same: neither is a negative of the other.
SAME_CAPTION = 0.97
# Scale of a pixel's error on [-1, 1]. With it a unit of the bound is about as heavy as the hinge,
# and the noise keeps places and sizes and drops texture.
DEVIATION = 0.25


class Agreement:
    """What the frozen encoder says of generated pictures and their captions.

    Attributes:
      side: of the pictures that the encoder knows.
    """

    def __init__(self, settings: GeneratorSettings, encoder: Encoder, side: int):
        self.settings, self.encoder, self.side = settings, encoder, side

    def terms(self, fake: tf.Tensor, text: SentenceCodes) -> Iterator[tuple[float, str, tf.Tensor]]:
        """Yields weight, name and scalar value of each term in use.

        Args:
          fake: float32 [N, r, r, 3] pictures.
          text: codes of their captions.
        """
        contrastive, attributes = self.weights()
        if not contrastive and not attributes:
            return
        if fake.shape[1] != self.side:
            fake = tf.image.resize(fake, [self.side, self.side])
        code = self.encoder.image_tower(fake)
        if contrastive:
            yield contrastive, "g_contrastive", self._contrastive(code, text)
        if attributes:
            yield attributes, "g_attributes", _missing(code, text)

    def weights(self) -> tuple[float, float]:
        """Weights of both terms; a generator that is told nothing has nothing to agree with."""
        if not self.settings.conditional:
            return 0.0, 0.0
        return self.settings.contrastive_weight, self.settings.attribute_weight

    def _contrastive(self, code, text: SentenceCodes):
        images, texts = map(distribution.gather, (code.embedding, text.embedding))
        same = tf.matmul(texts, texts, transpose_b=True) > SAME_CAPTION
        near = info_nce(images, texts, self.encoder.scale(), same)
        return tf.reduce_mean(near)


def _missing(code, text: SentenceCodes):
    """How much of what was said the recogniser does not find, for each attribute said."""
    said = tf.sigmoid(text.attributes)
    missing = tf.reduce_sum(binary_cross_entropy(code.attributes, said))
    return distribution.ratio(missing, tf.reduce_sum(said))


def evidence(
    again: tf.Tensor,
    real: tf.Tensor,
    mean: tf.Tensor,
    log_variance: tf.Tensor,
    free_bits: float = 0.0,
) -> dict[str, tf.Tensor]:
    """Both halves of the negative evidence lower bound, divided by the number of pixel values.

    Args:
      again, real: float32 [N, r, r, 3].
      mean, log_variance: float32 [N, z] of the noise inferred from `real`.
      free_bits: as for `gaussian_kl`.
    """
    values = float(real.shape[1] * real.shape[2] * real.shape[3])
    return {
        "reconstruction": tf.reduce_mean(gaussian_reconstruction(again, real, DEVIATION)) / values,
        "kl": tf.reduce_mean(gaussian_kl(mean, log_variance, free_bits)) / values,
    }
