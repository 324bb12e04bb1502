"""The captioner's last phase: captions that score better than its own likeliest ones.

Source: self-critical sequence training (Rennie et al. 2017, section 3), with CIDEr-D as the reward.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from data.text import END, PAD
from trainer.losses.captions import self_critical, token_log_probs
from trainer.metrics.cider import Frequencies, Weighted, consensus
from trainer.models.captioner import Captioner, speak
from trainer.randomness import fold, step_seed


class Rewards:
    """CIDEr-D of captions against the training captions of their picture in their language.

    Tokens are ids. END is one of them: else it would pay to break off before a word that may be
    wrong. Document frequencies are those of a language's training captions.
    """

    def __init__(self, ids: np.ndarray, groups: Sequence[tuple[int, int]]):
        """Takes M training captions int [M, L] and the (picture, language) of each."""
        references: dict[tuple[int, int], list[tuple[int, ...]]] = defaultdict(list)
        for row, group in zip(ids, groups, strict=True):
            references[group].append(_tokens(row[1:]))
        by_language: dict[int, list[list[tuple[int, ...]]]] = defaultdict(list)
        for (_, language), texts in references.items():
            by_language[language].append(texts)
        self._frequencies = {tag: Frequencies(texts) for tag, texts in by_language.items()}
        self._references, self._groups = references, list(groups)
        self._vectors: dict[tuple[int, int], list[Weighted]] = {}

    def __call__(self, rows: Sequence[int], said: np.ndarray) -> np.ndarray:
        """float32 [N] of captions int [N, L] of the pictures, in the languages, of training
        captions `rows` [N]."""
        scores = []
        for row, ids in zip(rows, said, strict=True):
            group = self._groups[row]
            frequencies = self._frequencies[group[1]]
            if group not in self._vectors:
                self._vectors[group] = [frequencies.vector(one) for one in self._references[group]]
            scores.append(consensus(frequencies.vector(_tokens(ids)), self._vectors[group]))
        return np.array(scores, np.float32)


class SelfCriticalSteps:
    """Training steps in two graph calls, with the reward computed between them.

    Args:
      model: learns.
      rewards: (rows, captions) -> float32 [N], such as `Rewards`.
      steps: tokens said at most.
      seed: of the training.
      update: (tape, loss, progress) -> None, changes the weights.
    """

    def __init__(
        self,
        model: Captioner,
        rewards: Callable[[Sequence[int], np.ndarray], np.ndarray],
        steps: int,
        seed: int,
        update: Callable,
    ):
        self.model, self.rewards, self.steps = model, rewards, steps
        self.seed, self.update = seed, update
        self._speak = tf.function(self._say)
        self._learn = tf.function(self._improve)

    def __call__(self, step: int, progress: float, batch, rows: Sequence[int]) -> dict:
        """One step on the pictures of a batch; `rows` are the training captions in it."""
        grid, picture, ids = batch
        first = ids[:, 0]
        greedy, drawn = self._speak(tf.constant(step), grid, picture, first)
        reached, usual = self.rewards(rows, drawn.numpy()), self.rewards(rows, greedy.numpy())
        loss = self._learn(
            tf.constant(progress, tf.float32), grid, picture, first, drawn, reached - usual
        )
        return {"self_critical": loss, "reward": reached.mean(), "greedy_reward": usual.mean()}

    def _say(self, step, grid, picture, first):
        seed = fold(step_seed(self.seed, step), 3)
        greedy = speak(self.model, grid, picture, first, self.steps)
        return greedy, speak(self.model, grid, picture, first, self.steps, seed)

    def _improve(self, progress, grid, picture, first, drawn, reward):
        ids = tf.concat([first[:, None], drawn], axis=1)
        with tf.GradientTape() as tape:
            # Without dropout: the words were drawn without it.
            log_probs = token_log_probs(self.model((grid, picture, ids)), drawn)
            mask = tf.cast(drawn != PAD, tf.float32)
            loss = tf.reduce_mean(self_critical(log_probs, reward, mask))
        self.update(tape, loss, progress)
        return loss


def _tokens(ids: np.ndarray) -> tuple[int, ...]:
    """The tokens of a caption, its END the last."""
    said = ids.tolist()
    return tuple(said[: said.index(END) + 1] if END in said else [i for i in said if i != PAD])
