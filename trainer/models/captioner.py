"""Captioner: GRUs with attention to the frozen encoder's feature map and gated attributes.

Sources: the soft attention of Show, Attend and Tell (Xu et al. 2015, section 3.1.2) with the
additive score of Bahdanau et al. 2015. The query is the state after the current token (Luong et al.
2015, section 3), so teacher forcing computes the attention of all tokens at once. A gate selects
from the condition vector, after semantic attention (You et al. 2016, section 3). Without attention
the model is Show and Tell (Vinyals et al. 2015, section 3), with the mean of the feature map
appended to every state.
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
    """Encoded pictures, as every step reads them.

    Attributes:
      grid: float [N, P, C], feature maps.
      keys: float [N, P, E], attention keys; without attention the mean of the map, [N, 1, C].
      picture: float32 [N, c], condition vectors.
    """

    grid: tf.Tensor
    keys: tf.Tensor
    picture: tf.Tensor


class Captioner(Composite, keras.Model):
    """Next-token model of captions.

    With several languages, the first input token selects the language to write, as in multilingual
    translation (Johnson et al. 2017, section 3); see `first_word`. PAD, UNK and START are banned
    from the output.

    Args:
      settings: widths, layers, attention and dropout.
      frequencies: float [V], token counts. The output bias starts at the log frequencies, so the
        initial loss is the unigram entropy.
      condition: length c of the condition vector.
      languages: languages that it writes, the default first.

    Call arguments: see `call`. Feature maps have P = 64 positions (8 x 8).
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
        # Behind the tokens of the vocabulary, one input token per language if there are several.
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
        # Upper layers; the input of each is the state of the layer below.
        self.upper = [
            layers.RNN(layers.GRUCell(settings.units), return_sequences=True)
            for _ in range(settings.layers - 1)
        ]

    def first_word(self, language):
        """Returns the first input token of a caption: START, or the token of its language.

        Args:
          language: int32 [N], indices in `languages`.

        Returns:
          int32 [N].
        """
        if len(self.languages) == 1:
            return language * 0 + START
        return language + len(self.frequencies)

    def begin(self, grid, picture):
        """Computes what all steps share.

        Args:
          grid: float [N, P, C] feature maps.
          picture: float32 [N, c] condition vectors.

        Returns:
          (memory, initial state [N, S]). The state concatenates those of all layers, lowest first.
        """
        mean = ops.mean(ops.cast(grid, "float32"), axis=1)
        state = self.start_state(ops.concatenate([mean, picture], -1))
        keys = self.keys(grid) if self.attends else ops.cast(mean, state.dtype)[:, None, :]
        return Memory(grid, keys, picture), state

    def step(self, word, state, memory: Memory):
        """Runs the model for one token.

        Args:
          word: int32 [N], input tokens.
          state: float [N, S].
          memory: from `begin`.

        Returns:
          output [N, O] for `logits`, the next state [N, S], attention float32 [N, P].
        """
        cells = [self.cell, *(recurrence.cell for recurrence in self.upper)]
        heard, after = self.words(word), []
        for cell, before in zip(cells, ops.split(state, self.depth, axis=-1), strict=True):
            _, (heard,) = cell(heard, [before])
            after.append(heard)
        output, attention = self.look(heard[:, None, :], memory)
        return output[:, 0], ops.concatenate(after, axis=-1), attention[:, 0]

    def look(self, states, memory: Memory):
        """Appends the attended context and the gated condition vector to each state.

        Args:
          states: float [N, L, units] of the top GRU.
          memory: from `begin`.

        Returns:
          output [N, L, O] for `logits`, attention float32 [N, L, P]; without attention, uniform.
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
        """Appends the mean of the feature map to each state."""
        rows, length = ops.shape(states)[0], ops.shape(states)[1]
        width, places = memory.keys.shape[-1], memory.grid.shape[1]
        mean = ops.broadcast_to(memory.keys, (rows, length, width))
        even = ops.full((rows, length, places), 1.0 / places, dtype="float32")
        return ops.concatenate([states, mean], axis=-1), even

    def logits(self, output, seed=None):
        """Returns the token logits.

        Args:
          output: float [..., O], from `step` or `look`.
          seed: int32 [2], of dropout; None applies no dropout.

        Returns:
          float32 [..., V].
        """
        if seed is not None:
            output = stateless_dropout(output, self.rate, seed)
        return self.vocabulary(self.widen(output)) + self.ban

    def call(self, inputs, seed=None):
        """Runs the model on whole captions (teacher forcing).

        Args:
          inputs: feature maps float [N, P, C], condition vectors float32 [N, c], and token ids
            int32 [N, L] that begin with `first_word`.
          seed: int32 [2], of dropout; None applies no dropout.

        Returns:
          float32 [N, L - 1, V], the logits of tokens 1 to L - 1.
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
    """Counts each token as a target; PAD and START, which are never targets, count 0.

    Args:
      ids: int array of any shape.
      size: number of tokens V.

    Returns:
      float64 [V].
    """
    counts = np.bincount(ids.reshape(-1), minlength=size).astype(np.float64)
    counts[[PAD, START]] = 0.0
    return counts


def repeat_memory(memory, times: int):
    """Repeats each picture's memory in `times` consecutive rows."""
    return tf.nest.map_structure(lambda x: ops.repeat(x, times, axis=0), memory)


def _says(model: Captioner, memory: Memory) -> Step:
    """Returns the model's step in the form that `beam_search` and `roll_out` take."""

    def step(word, state):
        output, state, attention = model.step(word, state, memory)
        return log_softmax(model.logits(output)), state, attention

    return step


def _padded_step(model: Captioner, memory: Memory, rows: int) -> Step:
    """Returns the step of `_says` for `rows` hypotheses, padded to `whole_rows`.

    Without padding, on processors that have AVX2 but not AVX-512, the log probabilities of a
    picture's hypotheses would depend on its position in the batch.
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
    """Captions N pictures by greedy decoding or sampling; see `roll_out`.

    Args:
      model: the captioner.
      grid: float [N, P, C] feature maps.
      picture: float32 [N, c] condition vectors.
      first: int32 [N], see `Captioner.first_word`.
      steps: maximum number of tokens, END included.
      seed: int32 [2], samples the tokens; None takes the most likely ones.

    Returns:
      int32 [N, steps].
    """
    memory, state = model.begin(grid, picture)
    return roll_out(_says(model, memory), state, first, steps, seed)


def search(
    model: Captioner, grid, picture, settings: CaptionerSettings, steps: int, language=None
) -> Hypothesis:
    """Captions N pictures by beam search; see `beam_search`.

    Args:
      model: the captioner.
      grid: float [N, P, C] feature maps.
      picture: float32 [N, c] condition vectors.
      settings: `beam`, `length_power` and `no_repeat` of the search.
      steps: maximum number of tokens, END included.
      language: int32 [N], indices in the model's languages; None takes the first.
    """
    if language is None:
        language = tf.zeros([tf.shape(picture)[0]], tf.int32)
    beam = settings.beam
    memory, state = model.begin(grid, picture)
    memory = repeat_memory(memory, beam)
    # The number of pictures is static in served models, but not in training.
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
