"""Scheduled sampling: a captioner hears some of its own words while it is taught.

Sources: Bengio et al. 2015, section 2.4; all words at once by a second pass, after Mihaylova and
Martins 2019, section 3.
"""

from __future__ import annotations

import tensorflow as tf

from data.text import END, PAD
from trainer.engine.randomness import categorical, fold, uniform
from trainer.models.captioner import Captioner


def with_sampled_words(model: Captioner, grid, picture, ids, share, seed):
    """Replaces words by what `model` would have said in their place, after the right words.

    First word, end and padding stay, and no caption ends early.

    Args:
      model: is called once, without dropout.
      grid: float [N, P, C];  picture: float32 [N, c].
      ids: int32 [N, L], the right captions.
      share: float scalar, the probability of each word to be replaced.
      seed: int32 [2].

    Returns:
      int32 [N, L].
    """
    logits = model((grid, picture, ids))
    shape, right = tf.shape(logits)[:2], ids[:, 1:]
    said = categorical(fold(seed, 1), tf.reshape(logits, [-1, logits.shape[-1]]))
    said = tf.reshape(said, shape)
    own = uniform(fold(seed, 2), shape) < share
    for fixed in (right == PAD, right == END, said == END):
        own = tf.logical_and(own, tf.logical_not(fixed))
    return tf.concat([ids[:, :1], tf.where(own, said, right)], axis=1)
