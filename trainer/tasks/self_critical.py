"""Self-critical sequence training of the captioner, with CIDEr-D as the reward.

Source: Rennie et al. 2017, section 3.
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
    """CIDEr-D of captions against the training captions of the same picture and language.

    Tokens are ids. END counts as a token: otherwise the captioner would be rewarded for stopping
    before an uncertain word. Document frequencies come from the training captions of the language.
    """

    def __init__(self, ids: np.ndarray, groups: Sequence[tuple[int, int]]):
        """Collects the references.

        Args:
          ids: int [M, L], the training captions.
          groups: the (picture, language) of each.
        """
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
        """Returns CIDEr-D, float32 [N].

        Args:
          rows: [N], training captions whose picture and language are to be described.
          said: int [N, L], the generated captions.
        """
        scores = []
        for row, ids in zip(rows, said, strict=True):
            group = self._groups[row]
            frequencies = self._frequencies[group[1]]
            if group not in self._vectors:
                self._vectors[group] = [frequencies.vector(one) for one in self._references[group]]
            scores.append(consensus(frequencies.vector(_tokens(ids)), self._vectors[group]))
        return np.array(scores, np.float32)


class SelfCritical:
    """The self-critical loss of a batch; a Python function inside the graph computes the rewards.

    Args:
      model: the captioner in training.
      rewards: (rows, captions) -> float32 [N], such as `Rewards`.
      steps: maximum number of generated tokens.
    """

    def __init__(
        self,
        model: Captioner,
        rewards: Callable[[Sequence[int], np.ndarray], np.ndarray],
        steps: int,
    ):
        self.model, self.rewards, self.steps = model, rewards, steps

    def __call__(self, grid, picture, first, rows, seed) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns the loss of sampled captions with the greedy caption's reward as the baseline.

        Args:
          grid: float [N, P, C] feature maps.
          picture: float32 [N, c] condition vectors.
          first: int32 [N], see `Captioner.first_word`.
          rows: int [N], the training captions of the pictures, for the rewards.
          seed: int32 [2], of the sampled captions.

        Returns:
          the loss, float32 [], of which only the gradient is meaningful, and mean rewards by name.
        """
        # Decoding and rewards carry no gradient; the pass below recomputes the logits for it.
        greedy = speak(self.model, grid, picture, first, self.steps)
        drawn = speak(self.model, grid, picture, first, self.steps, seed)
        reached, usual = self._reward(rows, drawn), self._reward(rows, greedy)
        # No dropout (no seed): the tokens were sampled without it, and REINFORCE needs their
        # probabilities under the same model.
        logits = self.model((grid, picture, tf.concat([first[:, None], drawn], axis=1)))
        mask = tf.cast(drawn != PAD, tf.float32)
        loss = tf.reduce_mean(self_critical(token_log_probs(logits, drawn), reached - usual, mask))
        means = {"reward": tf.reduce_mean(reached), "greedy_reward": tf.reduce_mean(usual)}
        return loss, means

    def _reward(self, rows, said):
        found = tf.numpy_function(self.rewards, [rows, said], tf.float32)
        return tf.ensure_shape(found, [said.shape[0]])


def _tokens(ids: np.ndarray) -> tuple[int, ...]:
    """Returns the tokens of a caption up to and including END."""
    said = ids.tolist()
    return tuple(said[: said.index(END) + 1] if END in said else [i for i in said if i != PAD])
