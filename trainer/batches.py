"""Which examples a step sees: a pure function of seed and step, so a resumed run sees the same."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

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
        return generator_of(self.seed, turn, epoch).permutation(self.count)

    def rows(self, step: int, turn: int = 0) -> np.ndarray:
        """Returns int [batch_size] rows of the examples of `step`; each epoch has each row once.

        Args:
          turn: rollbacks so far; each brings another order.
        """
        return self.at(range(step * self.batch_size, (step + 1) * self.batch_size), turn)

    def at(self, places: range, turn: int = 0) -> np.ndarray:
        """Returns int [n] rows at `places` of the endless order of all epochs."""
        found = [self._order(p // self.count, turn)[p % self.count] for p in places]
        return np.array(found, np.int64)

    def captions(self, step: int, counts: np.ndarray, turn: int = 0) -> np.ndarray:
        """Returns one caption number for each row: int [batch_size] below `counts` [batch_size]."""
        draw = generator_of(self.seed, turn, step, 1).random(len(counts))
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

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        seed: int,
        pools: Callable[[int], Sampler | Any] | None = None,
    ):
        """Raises ValueError when there is nothing to draw from.

        `pools` makes what draws the rows of a pool, by their number; None draws from all alike.
        """
        self.lengths, self.seed = np.asarray(lengths), seed
        size = batch_size * self.POOL
        self._pools = pools(size) if pools else Sampler(len(self.lengths), size, seed)
        self._sorted = functools.lru_cache(maxsize=2)(self._sort)

    def _sort(self, pool: int, turn: int) -> np.ndarray:
        rows = self._pools.rows(pool, turn)
        by_length = rows[np.argsort(self.lengths[rows], kind="stable")]
        pieces = by_length.reshape(self.POOL, -1)
        return pieces[generator_of(self.seed, turn, pool, 2).permutation(self.POOL)]

    def rows(self, step: int, turn: int = 0) -> np.ndarray:
        """Returns int [batch_size] rows of the sequences of `step`, after `turn` rollbacks."""
        return self._sorted(step // self.POOL, turn)[step % self.POOL]

    def width(self, rows: np.ndarray) -> int:
        """Returns what the longest of `rows` needs, in few different sizes: each is compiled."""
        return -int(-self.lengths[rows].max() // self.STEP) * self.STEP


def generator_of(seed: int, turn: int, *use: int) -> np.random.Generator:
    """Draws of one use of the run's seed after `turn` rollbacks."""
    return np.random.default_rng([seed, *use, *([3, turn] if turn else [])])
