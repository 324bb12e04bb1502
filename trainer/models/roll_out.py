"""Captions word by word, without a search: the likeliest word each time, or one that is drawn."""

from __future__ import annotations

import tensorflow as tf

from data.text import END, PAD
from trainer.models.decode import Step
from trainer.randomness import categorical, fold


def roll_out(
    step: Step, state: tf.Tensor, first: tf.Tensor, steps: int, seed: tf.Tensor | None = None
) -> tf.Tensor:
    """Says N captions.

    Args:
      step: as for `beam_search`, with a beam of 1.
      state: first state [N, S].
      first: int32 [N], the words heard before any is said.
      steps: tokens said at most, END included; a caption that is longer stays without END.
      seed: int32 [2] draws each word by its probability; None takes the likeliest.

    Returns:
      int32 [N, steps] tokens, END then PAD at the end.
    """
    none = tf.zeros_like(first)
    start = (
        tf.constant(0),
        first,
        state,
        tf.zeros([tf.shape(first)[0], steps], tf.int32),
        none > 0,
    )

    def unfinished(place, word, state, ids, ended):
        return tf.logical_and(place < steps, tf.logical_not(tf.reduce_all(ended)))

    def advance(place, word, state, ids, ended):
        log_p, state, _ = step(word, state)
        if seed is None:
            said = tf.argmax(log_p, axis=-1, output_type=tf.int32)
        else:
            said = categorical(fold(seed, place), log_p)
        said = tf.where(ended, PAD, said)
        ids += said[:, None] * tf.one_hot(place, steps, dtype=tf.int32)
        return place + 1, said, state, ids, tf.logical_or(ended, said == END)

    return tf.while_loop(unfinished, advance, start)[3]
