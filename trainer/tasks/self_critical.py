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
from trainer.metrics.captions import Frequencies, Weighted, consensus
from trainer.models.captioner import Captioner, speak


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


class SelfCritical:
    """The loss of a batch; its rewards are computed by Python, in the middle of the graph.

    Args:
      model: learns.
      rewards: (rows, captions) -> float32 [N], such as `Rewards`.
      steps: tokens said at most.
    """

    def __init__(
        self,
        model: Captioner,
        rewards: Callable[[Sequence[int], np.ndarray], np.ndarray],
        steps: int,
    ):
        self.model, self.rewards, self.steps = model, rewards, steps

    def __call__(self, grid, picture, first, rows, seed) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Captions pictures, and compares what is drawn with what is likeliest.

        Args:
          grid: float [N, P, C];  picture: float32 [N, c].
          first: int32 [N], see `Captioner.first_word`.
          rows: int [N], the training captions that they are of.
          seed: int32 [2].

        Returns:
          the loss float32 [], of which only the gradient means something, and mean rewards by name.
        """
        greedy = speak(self.model, grid, picture, first, self.steps)
        drawn = speak(self.model, grid, picture, first, self.steps, seed)
        reached, usual = self._reward(rows, drawn), self._reward(rows, greedy)
        # Without dropout: the words were drawn without it.
        logits = self.model((grid, picture, tf.concat([first[:, None], drawn], axis=1)))
        mask = tf.cast(drawn != PAD, tf.float32)
        loss = tf.reduce_mean(self_critical(token_log_probs(logits, drawn), reached - usual, mask))
        means = {"reward": tf.reduce_mean(reached), "greedy_reward": tf.reduce_mean(usual)}
        return loss, means

    def _reward(self, rows, said):
        found = tf.numpy_function(self.rewards, [rows, said], tf.float32)
        return tf.ensure_shape(found, [said.shape[0]])


def _tokens(ids: np.ndarray) -> tuple[int, ...]:
    """The tokens of a caption, its END the last."""
    said = ids.tolist()
    return tuple(said[: said.index(END) + 1] if END in said else [i for i in said if i != PAD])
