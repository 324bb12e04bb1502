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


class SimilarLengths:
    """Draws batches of sequences of about the same length, so that little is padding.

    Each epoch still has each sequence once: some batches' worth of the shuffled order is sorted by
    length and cut, and the pieces are used in random order.

    Attributes:
      lengths: int [M], of every sequence.
    """

    POOL = 8
    STEP = 4

    def __init__(self, lengths: np.ndarray, batch_size: int, seed: int):
        """Raises ValueError when there is nothing to draw from."""
        self.lengths, self.seed = np.asarray(lengths), seed
        self._pools = Sampler(len(self.lengths), batch_size * self.POOL, seed)
        self._sorted = functools.lru_cache(maxsize=2)(self._sort)

    def _sort(self, pool: int) -> np.ndarray:
        rows = self._pools.rows(pool)
        by_length = rows[np.argsort(self.lengths[rows], kind="stable")]
        pieces = by_length.reshape(self.POOL, -1)
        return pieces[np.random.default_rng([self.seed, pool, 2]).permutation(self.POOL)]

    def rows(self, step: int) -> np.ndarray:
        """Returns int [batch_size] rows of the sequences of `step`."""
        return self._sorted(step // self.POOL)[step % self.POOL]

    def width(self, rows: np.ndarray) -> int:
        """Returns what the longest of `rows` needs, in few different sizes: each is compiled."""
        return -int(-self.lengths[rows].max() // self.STEP) * self.STEP
