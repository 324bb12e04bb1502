"""Captioner: additive attention over a frozen picture grid and a GRU.

Source: Show, Attend and Tell (Xu et al. 2015), section 3, soft attention, with Bahdanau et al.
(2015)'s additive score and a GRU in place of the LSTM.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from data.text import PAD, START, UNK
from trainer.config import CaptionerSettings
from trainer.models.decode import Hypothesis, beam_search
from trainer.models.encoder import stateless_dropout

BANNED = -1e9


class Captioner(keras.Model):
    """Next-word model of captions.

    The grid is [N, P, C] float (P = 64 places of an 8 x 8 grid), the picture float32 [N, c]: its
    embedding and attributes (the encoder's `telling`).
    `frequencies` float [V] starts the output bias at the words' log frequency, so that the first
    loss is the entropy of single words; padding, unknown and start can never be said.
    """

    def __init__(self, settings: CaptionerSettings, frequencies: np.ndarray, **kwargs):
        super().__init__(**kwargs)
        self.rate = settings.dropout
        self.frequencies = frequencies
        self.words = layers.Embedding(len(frequencies), settings.embedding)
        self.start_state = layers.Dense(settings.units, activation="tanh")
        self.picture = layers.Dense(settings.embedding)
        self.keys = layers.Dense(settings.embedding)
        self.query = layers.Dense(settings.embedding)
        self.score = layers.Dense(1)
        self.cell = layers.GRUCell(settings.units)
        self.widen = layers.Dense(settings.units, activation="relu")
        self.vocabulary = layers.Dense(
            len(frequencies),
            dtype="float32",
            bias_initializer=keras.initializers.Constant(_log_frequencies(frequencies)),
        )
        ban = np.zeros(len(frequencies), np.float32)
        ban[[PAD, UNK, START]] = BANNED
        self.ban = ban

    def begin(self, grid, picture):
        """Returns (memory, state): what every step reads, and the GRU's first state [N, units]."""
        state = self.start_state(
            ops.concatenate([ops.mean(ops.cast(grid, "float32"), axis=1), picture], -1)
        )
        return (grid, self.keys(grid), self.picture(picture)), state

    def step(self, word, state, memory):
        """One GRU step.

        Args:
          word: int32 [N];  state: [N, units];  memory: from `begin`.

        Returns:
          output [N, units + C] for `logits`, the next state, attention float32 [N, P].
        """
        grid, keys, picture = memory
        hidden = ops.tanh(keys + self.query(state)[:, None, :])
        attention = ops.softmax(ops.cast(self.score(hidden)[..., 0], "float32"), axis=-1)
        weights = ops.cast(attention, keys.dtype)
        context = ops.sum(weights[..., None] * ops.cast(grid, keys.dtype), axis=1)
        heard = ops.concatenate([self.words(word), context, picture], axis=-1)
        _, (state,) = self.cell(heard, [state])
        return ops.concatenate([state, context], axis=-1), state, attention

    def logits(self, output, seed=None):
        """Word logits float32 [..., V]; dropout only when a seed int32 [2] is given."""
        if seed is not None:
            output = stateless_dropout(output, self.rate, seed)
        return self.vocabulary(self.widen(output)) + self.ban

    def call(self, inputs, seed=None):
        """Teacher forcing: (grid, picture, ids int32 [N, L]) -> logits float32 [N, L - 1, V].

        The loop is unrolled: L is short, and a while loop costs several times as much on a CPU.
        """
        grid, picture, ids = inputs
        memory, state = self.begin(grid, picture)
        outputs = []
        for place in range(ids.shape[1] - 1):
            output, state, _ = self.step(ids[:, place], state, memory)
            outputs.append(output)
        return self.logits(ops.stack(outputs, axis=1), seed)


def _log_frequencies(counts: np.ndarray) -> np.ndarray:
    share = (counts + 1.0) / (counts + 1.0).sum()
    return np.log(share).astype(np.float32)


def token_frequencies(ids: np.ndarray, size: int) -> np.ndarray:
    """Counts of each token as something to be said: float64 [size] of int ids of any shape."""
    counts = np.bincount(ids.reshape(-1), minlength=size).astype(np.float64)
    counts[[PAD, START]] = 0.0
    return counts


def repeat_memory(memory, times: int):
    """Repeats each picture's memory `times` times along the batch, neighbours together."""
    return tf.nest.map_structure(lambda x: ops.repeat(x, times, axis=0), memory)


def search(
    model: Captioner, grid, picture, beam: int, steps: int, length_power: float
) -> Hypothesis:
    """Captions pictures by beam search; see `beam_search`.

    Args:
      model: the captioner.
      grid: float [N, P, C];  picture: float32 [N, c].
      beam, steps, length_power: as for `beam_search`.
    """
    memory, state = model.begin(grid, picture)
    memory = repeat_memory(memory, beam)

    def step(word, state):
        output, state, attention = model.step(word, state, memory)
        return tf.nn.log_softmax(model.logits(output)), state, attention

    state = ops.repeat(state, beam, axis=0)
    return beam_search(step, state, beam, steps, grid.shape[1], length_power)
