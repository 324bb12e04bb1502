"""Captioner: GRUs that look at a frozen picture grid and at what is known of the picture.

Sources: soft attention of Show, Attend and Tell (Xu et al. 2015, section 3.1.2) with the additive
score of Bahdanau et al. (2015), asked by the state that has just heard a word (Luong et al. 2015,
section 3), so that teacher forcing attends for all words at once; a second, gated look at the
picture's attributes after semantic attention (You et al. 2016, section 3). Without attention: Show
and Tell (Vinyals et al. 2015, section 3), with the grid's mean beside every state.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from data.languages import UNDETERMINED
from data.text import PAD, START, UNK
from trainer.config import CaptionerSettings
from trainer.engine.randomness import fold
from trainer.models.decoding import Hypothesis, Step, beam_search, roll_out
from trainer.models.encoder import stateless_dropout
from trainer.models.layers import Composite, log_softmax, pad_rows, sigmoid, softmax, whole_rows

BANNED = -1e9


class Memory(NamedTuple):
    """What every step reads of N pictures.

    Attributes:
      grid: [N, P, C] local features;  keys: [N, P, E], the same as the attention compares them;
        without attention the grid's mean [N, 1, C].
      picture: float32 [N, c], embedding and attributes.
    """

    grid: tf.Tensor
    keys: tf.Tensor
    picture: tf.Tensor


class Captioner(Composite, keras.Model):
    """Next-word model of captions.

    The grid is [N, P, C] float (P = 64 places of an 8 x 8 grid), the picture float32 [N, c]: its
    embedding and attributes (the encoder's `condition_vector`).
    `frequencies` float [V] starts the output bias at the words' log frequency, so that the first
    loss is the entropy of single words; padding, unknown and start can never be said.
    Of several `languages`, what is heard in place of the start says which one to write (as the
    token before the sentence does in translation, Johnson et al. 2017, section 3): see
    `first_word`.
    """

    def __init__(
        self,
        settings: CaptionerSettings,
        frequencies: np.ndarray,
        condition: int,
        languages: tuple[str, ...] = (UNDETERMINED,),
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.languages = languages
        self.rate, self.depth = settings.dropout, settings.layers
        self.frequencies = frequencies
        # Behind the words that can be said, one for each language there is a choice of.
        heard = len(frequencies) + (len(languages) if len(languages) > 1 else 0)
        self.words = layers.Embedding(heard, settings.embedding)
        self.start_state = layers.Dense(settings.units * settings.layers, activation="tanh")
        self.cell = layers.GRUCell(settings.units)
        self.recurrence = layers.RNN(self.cell, return_sequences=True)
        self.attends = settings.attention != "none"
        if self.attends:
            self.keys = layers.Dense(settings.embedding)
            self.query = layers.Dense(settings.embedding)
            self.score = layers.Dense(1, use_bias=False)
            self.gate = layers.Dense(condition, activation=sigmoid)
        self.widen = layers.Dense(settings.units, activation="relu")
        self.vocabulary = layers.Dense(
            len(frequencies),
            dtype="float32",
            bias_initializer=keras.initializers.Constant(_log_frequencies(frequencies)),
        )
        ban = np.zeros(len(frequencies), np.float32)
        ban[[PAD, UNK, START]] = BANNED
        self.ban = ban
        # Above the first recurrence: what each of them hears is the state of the one below.
        self.upper = [
            layers.RNN(layers.GRUCell(settings.units), return_sequences=True)
            for _ in range(settings.layers - 1)
        ]

    def first_word(self, language):
        """int32 [N] places in `languages` -> int32 [N], what a caption in it begins with."""
        if len(self.languages) == 1:
            return language * 0 + START
        return language + len(self.frequencies)

    def begin(self, grid, picture):
        """Returns (memory, state): what every step reads, and the first state [N, S]: those of all
        layers, the lowest first, one beside the other."""
        mean = ops.mean(ops.cast(grid, "float32"), axis=1)
        state = self.start_state(ops.concatenate([mean, picture], -1))
        keys = self.keys(grid) if self.attends else ops.cast(mean, state.dtype)[:, None, :]
        return Memory(grid, keys, picture), state

    def step(self, word, state, memory: Memory):
        """One word.

        Args:
          word: int32 [N];  state: [N, S];  memory: from `begin`.

        Returns:
          output [N, O] for `logits`, the next state, attention float32 [N, P].
        """
        cells = [self.cell, *(recurrence.cell for recurrence in self.upper)]
        heard, after = self.words(word), []
        for cell, before in zip(cells, ops.split(state, self.depth, axis=-1), strict=True):
            _, (heard,) = cell(heard, [before])
            after.append(heard)
        output, attention = self.look(heard[:, None, :], memory)
        return output[:, 0], ops.concatenate(after, axis=-1), attention[:, 0]

    def look(self, states, memory: Memory):
        """Adds to the uppermost GRU's states [N, L, units] what each of them asks of the picture.

        Returns:
          output [N, L, O] for `logits`, attention float32 [N, L, P]; without attention it is even.
        """
        if not self.attends:
            return self._glance(states, memory)
        hidden = ops.tanh(memory.keys[:, None, :, :] + self.query(states)[:, :, None, :])
        attention = softmax(ops.cast(self.score(hidden)[..., 0], "float32"))
        dtype = memory.keys.dtype
        context = ops.matmul(ops.cast(attention, dtype), ops.cast(memory.grid, dtype))
        noted = self.gate(states) * ops.cast(memory.picture, dtype)[:, None, :]
        return ops.concatenate([states, context, noted], axis=-1), attention

    def _glance(self, states, memory: Memory):
        """The grid's mean beside every state."""
        rows, length = ops.shape(states)[0], ops.shape(states)[1]
        width, places = memory.keys.shape[-1], memory.grid.shape[1]
        mean = ops.broadcast_to(memory.keys, (rows, length, width))
        even = ops.full((rows, length, places), 1.0 / places, dtype="float32")
        return ops.concatenate([states, mean], axis=-1), even

    def logits(self, output, seed=None):
        """Word logits float32 [..., V]; dropout only when a seed int32 [2] is given."""
        if seed is not None:
            output = stateless_dropout(output, self.rate, seed)
        return self.vocabulary(self.widen(output)) + self.ban

    def call(self, inputs, seed=None):
        """Teacher forcing: (grid, picture, ids int32 [N, L]) -> logits float32 [N, L - 1, V].

        Captions begin with `first_word`.
        """
        grid, picture, ids = inputs
        memory, state = self.begin(grid, picture)
        first, *rest = ops.split(state, self.depth, axis=-1)
        states = self.recurrence(self.words(ids[:, :-1]), initial_state=first)
        for number, (recurrence, before) in enumerate(zip(self.upper, rest, strict=True)):
            if seed is not None:
                states = stateless_dropout(states, self.rate, fold(seed, number))
            states = recurrence(states, initial_state=before)
        output, _ = self.look(states, memory)
        return self.logits(output, seed)


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


def _says(model: Captioner, memory: Memory) -> Step:
    """The model's step as a search takes it."""

    def step(word, state):
        output, state, attention = model.step(word, state, memory)
        return log_softmax(model.logits(output)), state, attention

    return step


def _padded_step(model: Captioner, memory: Memory, rows: int) -> Step:
    """The step of `_says` for `rows` hypotheses, computed on `whole_rows` of them.

    Otherwise the log probabilities of a picture's hypotheses would depend on its place in the
    batch, on processors with AVX2 alone.
    """
    whole = whole_rows(rows)
    padded = _says(model, tf.nest.map_structure(lambda x: pad_rows(x, whole), memory))
    if whole == rows:
        return padded

    def step(word, state):
        log_p, state, attention = padded(pad_rows(word, whole), pad_rows(state, whole))
        return log_p[:rows], state[:rows], attention[:rows]

    return step


def speak(model: Captioner, grid, picture, first, steps: int, seed=None) -> tf.Tensor:
    """Captions N pictures word by word; see `roll_out`.

    Args:
      model: the captioner.
      grid: float [N, P, C];  picture: float32 [N, c].
      first: int32 [N], see `Captioner.first_word`.
      steps: the most tokens said, END included.
      seed: int32 [2] draws the words; None takes the likeliest.
    """
    memory, state = model.begin(grid, picture)
    return roll_out(_says(model, memory), state, first, steps, seed)


def search(
    model: Captioner, grid, picture, settings: CaptionerSettings, steps: int, language=None
) -> Hypothesis:
    """Captions pictures by beam search; see `beam_search`.

    Args:
      model: the captioner.
      grid: float [N, P, C];  picture: float32 [N, c].
      settings: how is searched.
      steps: the most tokens said, END included.
      language: int32 [N] places in the model's languages; None asks for the first.
    """
    if language is None:
        language = tf.zeros([tf.shape(picture)[0]], tf.int32)
    beam = settings.beam
    memory, state = model.begin(grid, picture)
    memory = repeat_memory(memory, beam)
    # The number of pictures is static where models are served, and not in training.
    pictures = picture.shape[0]
    step = _says(model, memory) if not pictures else _padded_step(model, memory, pictures * beam)
    return beam_search(
        step,
        ops.repeat(state, beam, axis=0),
        ops.repeat(model.first_word(language), beam, axis=0),
        beam,
        steps,
        grid.shape[1],
        settings.length_power,
        settings.no_repeat,
    )
