"""What a discriminator learns from real and generated pictures, and from captions of others."""

from __future__ import annotations

import tensorflow as tf

from trainer import distribution
from trainer.losses.adversarial import AdversarialLoss
from trainer.models.discriminator import Discriminator
from trainer.models.frozen import SentenceCodes
from trainer.tasks.agreement import SAME_CAPTION


def matching_losses(
    loss: AdversarialLoss,
    discriminator: Discriminator,
    real: tf.Tensor,
    fake: tf.Tensor,
    text: SentenceCodes,
    share: float,
) -> dict[str, tf.Tensor]:
    """Real against generated pictures, and against real ones with others' captions.

    The two halves are GAN-CLS (Reed et al. 2016, algorithm 1) for any adversarial loss.

    Args:
      loss: of the discriminator.
      discriminator: what judges.
      real, fake: float32 [N, r, r, 3], as it sees them.
      text: codes of their captions.
      share: of the second half, 0 to 1.

    Returns:
      float32 [] by name; their sum is to be minimised.
    """
    features = discriminator.features(tf.concat([real, fake], axis=0))
    real_seen, fake_seen = tf.split(features, 2)
    told = text.condition
    seen, said = [real_seen, fake_seen], [told, told]
    if share:
        seen, said = [*seen, real_seen], [*said, distribution.rolled(told)]
    logits = discriminator.judge(tf.concat(seen, axis=0), tf.concat(said, axis=0))
    real_logit, fake_logit, *other = tf.split(logits, len(seen))
    matched = tf.reduce_mean(loss.discriminator(real_logit, fake_logit))
    parts = {"d_matched": (1 - share) * matched}
    if share:
        mismatched = loss.discriminator(real_logit, other[0])
        parts["d_mismatched"] = share * tf.reduce_mean(_differs(text) * mismatched)
    return parts


def _differs(text: SentenceCodes):
    """float32 [N]: 0 where the neighbour's caption says the same."""
    alike = tf.reduce_sum(text.embedding * distribution.rolled(text.embedding), axis=-1)
    return tf.cast(alike < SAME_CAPTION, tf.float32)
