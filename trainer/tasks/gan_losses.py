"""Losses of text-to-image training, from pictures and captions to scalars."""

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

# Captions with a higher cosine similarity count as equal: neither is a negative of the other.
SAME_CAPTION = 0.97
# Standard deviation of a pixel's error on [-1, 1]. At this value one unit of the ELBO weighs about
# as much as the hinge loss, and the noise encodes positions and sizes but not texture.
DEVIATION = 0.25


def elbo_terms(
    generated: tf.Tensor,
    real: tf.Tensor,
    mean: tf.Tensor,
    log_variance: tf.Tensor,
    free_bits: float = 0.0,
) -> dict[str, tf.Tensor]:
    """Returns both terms of the negative ELBO, divided by the number of pixel values.

    Args:
      generated: float32 [N, r, r, 3] in [-1, 1], decoded from the posterior's noise of `real`.
      real: float32 [N, r, r, 3] in [-1, 1].
      mean, log_variance: float32 [N, z] of the posterior.
      free_bits: nats per dimension without a penalty, see `gaussian_kl`.

    Returns:
      float32 [] by name: `reconstruction` and `kl`, means over the batch.
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
    """Returns the discriminator's losses: real against generated, matched against mismatched.

    This is GAN-CLS (Reed et al. 2016, algorithm 1) for any adversarial loss.

    Args:
      loss: the adversarial loss.
      discriminator: the discriminator in training.
      real, fake: float32 [N, r, r, 3] in [-1, 1], augmented.
      text: codes of their captions.
      mismatch_weight: weight of real pictures with other pictures' captions, 0 to 1; 0 skips them.

    Returns:
      float32 [] by name; the discriminator minimises their sum.
    """
    # One backbone pass: only the head reads captions, so matched and mismatched captions share the
    # features of the real pictures.
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
    """Returns float32 [N]: 0 where the rolled caption means the same and is no mismatch, else 1."""
    similarity = tf.reduce_sum(text.embedding * distribution.rolled(text.embedding), axis=-1)
    return tf.cast(similarity < SAME_CAPTION, tf.float32)


class Agreement:
    """Losses of generated pictures against their captions, by the frozen encoder."""

    def __init__(self, settings: GeneratorSettings, encoder: Encoder, side: int):
        """Sets the weights of the losses.

        Args:
          settings: the generator's settings.
          encoder: the frozen encoder; gradients flow through it into the pictures.
          side: the encoder's input resolution R, in pixels.
        """
        self.encoder, self.side = encoder, side
        # An unconditional generator has no caption to agree with.
        told = settings.conditional
        self.contrastive_weight = settings.contrastive_weight if told else 0.0
        self.attribute_weight = settings.attribute_weight if told else 0.0

    def terms(self, fake: tf.Tensor, text: SentenceCodes) -> Iterator[tuple[float, str, tf.Tensor]]:
        """Yields weight, name and float32 [] value of each loss whose weight is not 0.

        Args:
          fake: float32 [N, r, r, 3] in [-1, 1]; resized to the encoder's resolution.
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
    """Returns the summed cross-entropy of picture and caption attributes, per caption attribute.

    The targets are the probabilities that the text tower assigns to the caption.
    """
    said = tf.sigmoid(text.attributes)
    missing = tf.reduce_sum(binary_cross_entropy(code.attributes, said))
    return distribution.ratio(missing, tf.reduce_sum(said))
