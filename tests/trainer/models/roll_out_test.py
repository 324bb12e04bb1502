"""Captions said word by word, over small chains of words."""

import numpy as np
import tensorflow as tf

from data.text import END, PAD, START
from trainer.models.decoding import roll_out

SIZE = 7


def chain(seed):
    """log P(next | word) [V, V] of a Markov chain; PAD, UNK and START are never said."""
    logits = np.random.default_rng(seed).normal(scale=1.5, size=(SIZE, SIZE))
    logits[:, :END] = -1e9
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def captions(table, rows, steps, seed=None, first=START):
    """The state counts the words."""

    def step(words, state):
        return tf.gather(tf.constant(table), words), state + 1.0, None

    first = tf.fill([rows], first)
    return roll_out(step, tf.zeros([rows, 1]), first, steps, seed).numpy()


def test_the_likeliest_word_follows():
    for seed in range(12):
        table, said, word = chain(seed), [], START
        while word != END and len(said) < 6:
            word = int(np.argmax(table[word]))
            said.append(word)
        padded = said + [PAD] * (6 - len(said))
        assert captions(table, 2, 6).tolist() == [padded, padded]


def test_words_are_drawn_by_their_probability():
    table, rows = chain(0), 4000
    drawn = captions(table, rows, 4, tf.constant([0, 1]))
    for place, before in ((0, START), (1, 5), (2, 6)):
        after = drawn if place == 0 else drawn[drawn[:, place - 1] == before]
        share = np.bincount(after[:, place], minlength=SIZE) / len(after)
        np.testing.assert_allclose(share, np.exp(table[before]), atol=2.5 / len(after) ** 0.5)
    assert (np.bincount(drawn[:, 2], minlength=SIZE)[END:] > 0).all()


def test_the_first_word_is_heard_and_what_is_drawn_follows_the_seed():
    table = chain(1)
    assert (captions(table, 1, 1, first=4) == np.argmax(table[4])).all()
    once, again, other = (captions(table, 50, 5, tf.constant([0, n])) for n in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()


def test_nothing_is_said_after_the_end():
    drawn = captions(chain(2), 200, 6, tf.constant([0, 1]))
    ended = np.cumsum(drawn == END, axis=1)
    np.testing.assert_array_equal(drawn == PAD, (ended == 1) & (drawn != END))
    assert (ended[:, -1] == 1).any() and (ended[:, -1] == 0).any()
