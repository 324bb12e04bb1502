"""Which examples a step sees: a pure function of seed and step, so a resumed run sees the same."""

from __future__ import annotations

import functools

import numpy as np


class Sampler:
    """Draws batches epoch by epoch without keeping any state.

    Attributes:
      count: number of examples.
      batch_size: examples a step sees.
      seed: decides the order.
    """

    def __init__(self, count: int, batch_size: int, seed: int):
        """Raises ValueError when there is nothing to draw from."""
        if count < 1:
            raise ValueError("the training split is empty: there is nothing to draw batches from")
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self._order = functools.lru_cache(maxsize=2)(self._shuffle)

    def _shuffle(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch]).permutation(self.count)

    def rows(self, step: int) -> np.ndarray:
        """Returns int [batch_size] rows of the examples of `step`; each epoch has each row once."""
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        return np.array([self._order(p // self.count)[p % self.count] for p in places.tolist()])

    def captions(self, step: int, counts: np.ndarray) -> np.ndarray:
        """Returns one caption number for each row: int [batch_size] below `counts` [batch_size]."""
        draw = np.random.default_rng([self.seed, step, 1]).random(len(counts))
        return (draw * counts).astype(np.int64)
