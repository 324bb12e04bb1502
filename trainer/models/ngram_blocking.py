"""Words that would say an n-gram again."""

from __future__ import annotations

import tensorflow as tf

from data.text import PAD


def repeating(ids: tf.Tensor, place: tf.Tensor, n: int, vocabulary: int) -> tf.Tensor:
    """Finds the words that would end an n-gram which has been said before.

    Args:
      ids: int32 [M, L] tokens said so far, PAD from `place` on; L is static.
      place: int32 scalar, how many tokens were said; runs in a loop of the graph.
      n: size of the n-grams, 1 or more; 1 forbids to say any word twice.
      vocabulary: number of words V.

    Returns:
      bool [M, V]; PAD's column means nothing.
    """
    windows = ids.shape[1] - n + 1
    if windows < 1:
        return tf.zeros([tf.shape(ids)[0], vocabulary], tf.bool)
    # A window of n tokens is whole where its last one has been said.
    again = tf.range(windows)[None, :] + n - 1 < place
    for offset in range(n - 1):
        newest = ids[:, tf.maximum(place - n + 1 + offset, 0)]
        again = tf.logical_and(again, ids[:, offset : offset + windows] == newest[:, None])
    words = tf.where(again, ids[:, n - 1 :], PAD)
    rows = tf.broadcast_to(tf.range(tf.shape(ids)[0])[:, None], tf.shape(words))
    shape = tf.stack([tf.shape(ids)[0], vocabulary])
    return tf.scatter_nd(tf.stack([rows, words], axis=-1), tf.ones_like(words), shape) > 0
