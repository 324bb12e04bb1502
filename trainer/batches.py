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

    def _shuffle(self, epoch: int, turn: int) -> np.ndarray:
        return _generator(self.seed, turn, epoch).permutation(self.count)

    def rows(self, step: int, turn: int = 0) -> np.ndarray:
        """Returns int [batch_size] rows of the examples of `step`; each epoch has each row once.

        Args:
          turn: rollbacks so far; each brings another order.
        """
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size).tolist()
        return np.array([self._order(p // self.count, turn)[p % self.count] for p in places])

    def captions(self, step: int, counts: np.ndarray, turn: int = 0) -> np.ndarray:
        """Returns one caption number for each row: int [batch_size] below `counts` [batch_size]."""
        draw = _generator(self.seed, turn, step, 1).random(len(counts))
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

    def _sort(self, pool: int, turn: int) -> np.ndarray:
        rows = self._pools.rows(pool, turn)
        by_length = rows[np.argsort(self.lengths[rows], kind="stable")]
        pieces = by_length.reshape(self.POOL, -1)
        return pieces[_generator(self.seed, turn, pool, 2).permutation(self.POOL)]

    def rows(self, step: int, turn: int = 0) -> np.ndarray:
        """Returns int [batch_size] rows of the sequences of `step`, after `turn` rollbacks."""
        return self._sorted(step // self.POOL, turn)[step % self.POOL]

    def width(self, rows: np.ndarray) -> int:
        """Returns what the longest of `rows` needs, in few different sizes: each is compiled."""
        return -int(-self.lengths[rows].max() // self.STEP) * self.STEP


def _generator(seed: int, turn: int, *use: int) -> np.random.Generator:
    return np.random.default_rng([seed, *use, *([3, turn] if turn else [])])
