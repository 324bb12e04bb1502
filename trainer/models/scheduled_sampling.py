"""Scheduled sampling: some input tokens of the captioner are its own predictions in training.

Sources: Bengio et al. 2015, section 2.4; predictions of all tokens at once in a second pass, after
Mihaylova and Martins 2019, section 3.
"""

from __future__ import annotations

import tensorflow as tf

from data.text import END, PAD
from trainer.engine.randomness import categorical, fold, uniform
from trainer.models.captioner import Captioner


def with_sampled_words(model: Captioner, grid, picture, ids, share, seed):
    """Replaces random tokens by samples of the model, each given the reference tokens before it.

    The first token, END and PAD stay, and END is never inserted, so no caption ends early.

    Args:
      model: the captioner; it is called once, without dropout.
      grid: float [N, P, C] feature maps.
      picture: float32 [N, c] condition vectors.
      ids: int32 [N, L], the reference captions.
      share: float [], probability of replacing a token.
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
