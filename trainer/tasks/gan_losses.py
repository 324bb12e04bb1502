"""What the networks of a text-to-image training minimise, from pictures and captions to scalars."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from trainer.config import GeneratorSettings
from trainer.engine import distribution
from trainer.losses.adversarial import AdversarialLoss
from trainer.losses.contrastive import binary_cross_entropy, info_nce
from trainer.losses.variational import gaussian_kl, gaussian_reconstruction
from trainer.models.discriminator import Discriminator
from trainer.models.encoder import Encoder
from trainer.models.frozen import SentenceCodes

# Captions closer than this in the shared space say the same: neither is a negative of the other.
SAME_CAPTION = 0.97
# Scale of a pixel's error on [-1, 1]. With it a unit of the bound is about as heavy as the hinge,
# and the noise keeps places and sizes and drops texture.
DEVIATION = 0.25


def elbo_terms(
    generated: tf.Tensor,
    real: tf.Tensor,
    mean: tf.Tensor,
    log_variance: tf.Tensor,
    free_bits: float = 0.0,
) -> dict[str, tf.Tensor]:
    """Both halves of the negative evidence lower bound, divided by the number of pixel values.

    Args:
      generated, real: float32 [N, r, r, 3]; `generated` from the noise inferred from `real`.
      mean, log_variance: float32 [N, z] of that noise.
      free_bits: as for `gaussian_kl`.

    Returns:
      float32 [] by name: `reconstruction` and `kl`.
    """
    values = float(real.shape[1] * real.shape[2] * real.shape[3])
    reconstruction = gaussian_reconstruction(generated, real, DEVIATION)
    divergence = gaussian_kl(mean, log_variance, free_bits)
    return {
        "reconstruction": tf.reduce_mean(reconstruction) / values,
        "kl": tf.reduce_mean(divergence) / values,
    }


def discriminator_terms(
    loss: AdversarialLoss,
    discriminator: Discriminator,
    real: tf.Tensor,
    fake: tf.Tensor,
    text: SentenceCodes,
    mismatch_weight: float,
) -> dict[str, tf.Tensor]:
    """Real against generated pictures, and real ones against real ones with others' captions.

    The two halves are GAN-CLS (Reed et al. 2016, algorithm 1) for any adversarial loss.

    Args:
      loss: of the discriminator.
      discriminator: what judges.
      real, fake: float32 [N, r, r, 3], as it sees them.
      text: codes of their captions.
      mismatch_weight: of the second half, 0 to 1.

    Returns:
      float32 [] by name; their sum is to be minimised.
    """
    # One pass over the pictures: only the head reads captions.
    features = discriminator.features(tf.concat([real, fake], axis=0))
    real_features, fake_features = tf.split(features, 2)
    condition = text.condition
    judged, captions = [real_features, fake_features], [condition, condition]
    if mismatch_weight:
        judged.append(real_features)
        captions.append(distribution.rolled(condition))
    logits = discriminator.logits(tf.concat(judged, axis=0), tf.concat(captions, axis=0))
    real_logit, fake_logit, *mismatched_logit = tf.split(logits, len(judged))
    matched = tf.reduce_mean(loss.discriminator(real_logit, fake_logit))
    terms = {"d_matched": (1 - mismatch_weight) * matched}
    if mismatch_weight:
        mismatched = loss.discriminator(real_logit, mismatched_logit[0])
        terms["d_mismatched"] = mismatch_weight * tf.reduce_mean(_differs(text) * mismatched)
    return terms


def _differs(text: SentenceCodes) -> tf.Tensor:
    """float32 [N]: 0 where the neighbour's caption says the same."""
    similarity = tf.reduce_sum(text.embedding * distribution.rolled(text.embedding), axis=-1)
    return tf.cast(similarity < SAME_CAPTION, tf.float32)


class Agreement:
    """How well the frozen encoder finds generated pictures and their captions to agree."""

    def __init__(self, settings: GeneratorSettings, encoder: Encoder, side: int):
        """Takes the side of the pictures that the encoder knows, in pixels."""
        self.encoder, self.side = encoder, side
        # A generator that is told nothing has nothing to agree with.
        told = settings.conditional
        self.contrastive_weight = settings.contrastive_weight if told else 0.0
        self.attribute_weight = settings.attribute_weight if told else 0.0

    def terms(self, fake: tf.Tensor, text: SentenceCodes) -> Iterator[tuple[float, str, tf.Tensor]]:
        """Yields weight, name and float32 [] value of each term in use.

        Args:
          fake: float32 [N, r, r, 3] pictures.
          text: codes of their captions.
        """
        if not self.contrastive_weight and not self.attribute_weight:
            return
        if fake.shape[1] != self.side:
            fake = tf.image.resize(fake, [self.side, self.side])
        code = self.encoder.image_tower(fake)
        if self.contrastive_weight:
            yield self.contrastive_weight, "g_contrastive", self._contrastive(code, text)
        if self.attribute_weight:
            yield self.attribute_weight, "g_attributes", _missing_attributes(code, text)

    def _contrastive(self, code, text: SentenceCodes) -> tf.Tensor:
        images, texts = map(distribution.gather, (code.embedding, text.embedding))
        same = tf.matmul(texts, texts, transpose_b=True) > SAME_CAPTION
        return tf.reduce_mean(info_nce(images, texts, self.encoder.scale(), same))


def _missing_attributes(code, text: SentenceCodes) -> tf.Tensor:
    """How much of what was said the recogniser does not find, for each attribute said."""
    said = tf.sigmoid(text.attributes)
    missing = tf.reduce_sum(binary_cross_entropy(code.attributes, said))
    return distribution.ratio(missing, tf.reduce_sum(said))
