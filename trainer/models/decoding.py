"""Decoding of captions: beam search, greedy decoding, sampling."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data.text import END, PAD
from trainer.engine.randomness import categorical, fold

# Tokens that would repeat an n-gram.


def repeating(ids: tf.Tensor, place: tf.Tensor, n: int, vocabulary: int) -> tf.Tensor:
    """Finds the tokens that would complete an n-gram which the caption already has.

    Args:
      ids: int32 [M, L] tokens generated so far, PAD from `place` on; L is static.
      place: int32 [], number of tokens generated; a tensor, as it changes in a loop of the graph.
      n: size of the n-grams, 1 or more; 1 forbids any token to occur twice.
      vocabulary: number of tokens V.

    Returns:
      bool [M, V]; the column of PAD is meaningless.
    """
    windows = ids.shape[1] - n + 1
    if windows < 1:
        return tf.zeros([tf.shape(ids)[0], vocabulary], tf.bool)
    # Only windows whose n tokens have all been generated count.
    again = tf.range(windows)[None, :] + n - 1 < place
    for offset in range(n - 1):
        newest = ids[:, tf.maximum(place - n + 1 + offset, 0)]
        again = tf.logical_and(again, ids[:, offset : offset + windows] == newest[:, None])
    words = tf.where(again, ids[:, n - 1 :], PAD)
    rows = tf.broadcast_to(tf.range(tf.shape(ids)[0])[:, None], tf.shape(words))
    shape = tf.stack([tf.shape(ids)[0], vocabulary])
    return tf.scatter_nd(tf.stack([rows, words], axis=-1), tf.ones_like(words), shape) > 0


# Beam search as a pure function of a step function. It runs in the graph and is exported with it.


IMPOSSIBLE = -1e9


class Hypothesis(NamedTuple):
    """The best caption of each picture.

    Attributes:
      ids: int32 [N, steps] tokens, ending in END and then PAD.
      log_prob: float32 [N], summed log probability of the tokens, END included.
      attention: float32 [N, steps, P], attention weights of each token, 0 after END.
    """

    ids: tf.Tensor
    log_prob: tf.Tensor
    attention: tf.Tensor


class _Beams(NamedTuple):
    place: tf.Tensor
    ids: tf.Tensor
    log_prob: tf.Tensor
    finished: tf.Tensor
    state: tf.Tensor
    attention: tf.Tensor


Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


def beam_search(
    step: Step,
    state: tf.Tensor,
    first: tf.Tensor,
    beam: int,
    steps: int,
    places: int,
    length_power: float,
    no_repeat: int = 0,
) -> Hypothesis:
    """Keeps the `beam` most likely partial captions at each step.

    Finished hypotheses stay in the beam and are only padded. At the end all are ranked by
    log probability / length ** length_power (Wu et al. 2016, section 7, without coverage).

    Args:
      step: (tokens int32 [N * beam], state [N * beam, S]) -> (log probabilities float32
        [N * beam, V], next state, attention float32 [N * beam, places]).
      state: float [N * beam, S], initial state, that of each picture in `beam` consecutive rows.
      first: int32 [N * beam], the first input tokens.
      beam: number of hypotheses per picture.
      steps: maximum number of tokens, END included.
      places: number of positions P of the attention.
      length_power: exponent of the length; 0 ranks by log probability alone.
      no_repeat: no n-gram of this size occurs twice in a caption (after Paulus et al. 2018,
        section 2.5); 0 allows all.
    """
    rows = tf.shape(state)[0] // beam
    # All hypotheses of a picture start equal. Only the first one is possible, or the first step
    # would choose the same token `beam` times.
    alone = tf.concat([tf.zeros([rows, 1]), tf.fill([rows, beam - 1], IMPOSSIBLE)], axis=1)
    start = _Beams(
        place=tf.constant(0),
        ids=tf.fill([rows, beam, steps], PAD),
        log_prob=alone,
        finished=tf.zeros([rows, beam], tf.bool),
        state=state,
        attention=tf.zeros([rows, beam, steps, places]),
    )

    def unfinished(beams: _Beams) -> tf.Tensor:
        return tf.logical_and(beams.place < steps, tf.logical_not(tf.reduce_all(beams.finished)))

    def advance(beams: _Beams) -> tuple[_Beams]:
        return (_advance(beams, step, tf.reshape(first, [rows, beam]), steps, no_repeat),)

    (last,) = tf.while_loop(unfinished, advance, (start,))
    return _best(last, length_power)


def _advance(beams: _Beams, step: Step, first: tf.Tensor, steps: int, no_repeat: int) -> _Beams:
    place, rows, beam = beams.place, tf.shape(first)[0], beams.ids.shape[1]
    said = beams.ids[:, :, tf.maximum(place - 1, 0)]
    words = tf.where(place == 0, first, said)
    log_p, state, attention = step(tf.reshape(words, [-1]), beams.state)
    size = log_p.shape[-1]
    if no_repeat:
        said_before = repeating(tf.reshape(beams.ids, [-1, steps]), place, no_repeat, size)
        log_p = tf.where(said_before, IMPOSSIBLE, log_p)
    log_p = tf.reshape(log_p, [rows, beam, size])
    # A finished hypothesis continues with PAD at no cost, so it keeps its score in the beam.
    only_pad = tf.one_hot(PAD, size, on_value=0.0, off_value=IMPOSSIBLE)
    log_p = tf.where(beams.finished[..., None], only_pad, log_p)
    # The last token must be END, so that every caption is complete.
    only_end = tf.where(tf.range(size) == END, log_p, IMPOSSIBLE)
    is_last = tf.logical_and(place == steps - 1, tf.logical_not(beams.finished))[..., None]
    log_p = tf.where(is_last, only_end, log_p)

    # One top-k over all continuations of all hypotheses of a picture.
    total = tf.reshape(beams.log_prob[..., None] + log_p, [rows, beam * size])
    log_prob, chosen = tf.math.top_k(total, k=beam)
    parent, word = chosen // size, chosen % size

    def follow(x: tf.Tensor) -> tf.Tensor:
        return tf.gather(x, parent, batch_dims=1)

    shape = tf.shape(state)
    kept = follow(tf.reshape(state, [rows, beam, shape[1]]))
    column = tf.one_hot(place, steps, dtype=tf.int32)
    # Attention is 0 after END, because the number of steps depends on the other pictures.
    attention = tf.reshape(attention, [rows, beam, 1, attention.shape[-1]])
    seen = tf.where(beams.finished[..., None, None], 0.0, attention)
    mark = tf.cast(column, tf.float32)[None, None, :, None]
    return _Beams(
        place=place + 1,
        ids=follow(beams.ids) * (1 - column) + word[..., None] * column,
        log_prob=log_prob,
        finished=tf.logical_or(follow(beams.finished), word == END),
        state=tf.reshape(kept, shape),
        attention=follow(beams.attention) + follow(seen) * mark,
    )


def _best(beams: _Beams, length_power: float) -> Hypothesis:
    # A table instead of `length ** length_power`: a processor rounds `pow` differently when it
    # computes several at once, so near ties would depend on the picture's position in the batch.
    lengths = np.maximum(np.arange(beams.ids.shape[2] + 1), 1)
    penalties = tf.constant(lengths**length_power, tf.float32)
    length = tf.reduce_sum(tf.cast(beams.ids != PAD, tf.int32), axis=-1)
    score = beams.log_prob / tf.gather(penalties, length)
    best = tf.argmax(score, axis=1, output_type=tf.int32)

    def pick(x: tf.Tensor) -> tf.Tensor:
        return tf.gather(x, best, batch_dims=1)

    return Hypothesis(pick(beams.ids), pick(beams.log_prob), pick(beams.attention))


# Greedy decoding and sampling.


def roll_out(
    step: Step, state: tf.Tensor, first: tf.Tensor, steps: int, seed: tf.Tensor | None = None
) -> tf.Tensor:
    """Generates N captions token by token.

    Args:
      step: as for `beam_search`, with a beam of 1.
      state: float [N, S], the initial state.
      first: int32 [N], the first input tokens.
      steps: maximum number of tokens, END included; a longer caption is cut and has no END.
      seed: int32 [2], samples each token by its probability; None takes the most likely token.

    Returns:
      int32 [N, steps] tokens, ending in END and then PAD.
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
