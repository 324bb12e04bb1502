"""Selects the examples of a step: a pure function of seed and step, so resuming is exact."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class Sampler:
    """Draws shuffled batches epoch by epoch without keeping any state.

    Attributes:
      count: number of examples.
      batch_size: examples per step.
      seed: seed of the order.
    """

    def __init__(self, count: int, batch_size: int, seed: int):
        """Raises ValueError if there are no examples."""
        if count < 1:
            raise ValueError("the training split is empty: there is nothing to draw batches from")
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self._order = functools.lru_cache(maxsize=2)(self._shuffle)

    def _shuffle(self, epoch: int, turn: int) -> np.ndarray:
        return generator_of(self.seed, turn, epoch).permutation(self.count)

    def rows(self, step: int, turn: int = 0) -> np.ndarray:
        """Returns the rows of the examples of `step`, int64 [batch_size].

        Each epoch has each row once.

        Args:
          step: number of the step, from 0.
          turn: rollbacks so far; each changes the order.
        """
        return self.at(range(step * self.batch_size, (step + 1) * self.batch_size), turn)

    def at(self, places: range, turn: int = 0) -> np.ndarray:
        """Returns the rows at `places` of the concatenated epochs, int64 [n]."""
        found = [self._order(p // self.count, turn)[p % self.count] for p in places]
        return np.array(found, np.int64)

    def captions(self, step: int, counts: np.ndarray, turn: int = 0) -> np.ndarray:
        """Returns a random caption index for each row.

        Args:
          step: number of the step, from 0.
          counts: int [batch_size], captions of each row.
          turn: rollbacks so far.

        Returns:
          int64 [batch_size], each below its count.
        """
        draw = generator_of(self.seed, turn, step, 1).random(len(counts))
        return (draw * counts).astype(np.int64)


class SimilarLengths:
    """Draws batches of sequences of similar length, to reduce padding.

    Each epoch still has each sequence once: a pool of `POOL` batches is drawn from the shuffled
    order, sorted by length and cut into batches, which are used in random order.

    Attributes:
      lengths: int [M], the length of every sequence.
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
        """Raises ValueError if there are no sequences.

        Args:
          lengths: int [M], the length of every sequence.
          batch_size: sequences per step.
          seed: seed of the order.
          pools: makes the sampler of pools from their size; None samples all rows uniformly.
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
        """Returns the rows of `step` after `turn` rollbacks, int64 [batch_size]."""
        return self._sorted(step // self.POOL, turn)[step % self.POOL]

    def width(self, rows: np.ndarray) -> int:
        """Returns the longest length of `rows`, rounded up to a multiple of `STEP`.

        Each width compiles a graph, so there should be few.
        """
        return -int(-self.lengths[rows].max() // self.STEP) * self.STEP


def generator_of(seed: int, turn: int, *use: int) -> np.random.Generator:
    """Returns the random generator of one use of the run's seed after `turn` rollbacks."""
    return np.random.default_rng([seed, *use, *([3, turn] if turn else [])])


# Replay: a fixed fraction of the examples comes from older spans.


# How `data.sources.spans` names the pictures of a window.
_SPAN = re.compile(r"span-([0-9]+)/")
# Number of this use of the run's seed, see `generator_of`.
_ORDER = 5


class Replay:
    """Draws a fixed fraction of the examples from older spans, exact in the long run.

    Old and new rows each have their own epochs, in which each row occurs once. No state is kept
    between steps. This is experience replay (Rolnick et al. 2019, section 3) without a buffer: the
    older spans are on the disk.

    Attributes:
      share: fraction of older rows.
      batch_size: rows per step.
    """

    def __init__(self, older: np.ndarray, batch_size: int, seed: int, share: float):
        """Splits the rows by `older`, bool [N], which must have both values."""
        self.share, self.batch_size, self.seed = share, batch_size, seed
        self._rows = [np.flatnonzero(older), np.flatnonzero(~older)]
        self._samplers = [Sampler(len(rows), batch_size, seed) for rows in self._rows]

    def rows(self, step: int, turn: int = 0) -> np.ndarray:
        """Returns the rows of `step`, see `Sampler.rows`."""
        before, after = (int(places * self.batch_size * self.share) for places in (step, step + 1))
        new = [count * self.batch_size - old for count, old in ((step, before), (step + 1, after))]
        places = (range(before, after), range(*new))
        parts = [
            rows[sampler.at(some, turn)]
            for rows, sampler, some in zip(self._rows, self._samplers, places, strict=True)
        ]
        drawn = np.concatenate(parts)
        # Shuffle, so that each device, and each group of neighbours in the batch, has both kinds.
        return drawn[generator_of(self.seed, turn, step, _ORDER).permutation(len(drawn))]

    def captions(self, step: int, counts: np.ndarray, turn: int = 0) -> np.ndarray:
        """Returns a random caption index for each row, see `Sampler.captions`."""
        return self._samplers[1].captions(step, counts, turn)


def spans_of(image_ids: Sequence[str]) -> np.ndarray:
    """Returns the span of each picture, int64 [N]; 0 if its name has none."""
    found = (_SPAN.match(name) for name in image_ids)
    return np.array([int(match[1]) if match else 0 for match in found], np.int64)


def sampler_of(spans: np.ndarray, batch_size: int, seed: int, share: float | None):
    """Returns a `Replay` sampler, or a `Sampler` if there is no share or no older span.

    Args:
      spans: int [N], the span of each row.
      batch_size: rows per step.
      seed: seed of the order.
      share: fraction of older rows, or None.
    """
    older = spans < spans.max(initial=0)
    if share is None or not older.any():
        return Sampler(len(spans), batch_size, seed)
    return Replay(older, batch_size, seed, share)


def record_of(spans: np.ndarray, share: float | None) -> dict[str, Any] | None:
    """Returns the record of replay for the training's summary; None if `share` is None.

    Returns:
      `share` in use, `newest` span, and the number of training `pictures` by span.
    """
    if share is None:
        return None
    numbers, counts = np.unique(spans, return_counts=True)
    pictures = {str(number): int(count) for number, count in zip(numbers, counts, strict=True)}
    used = share if len(numbers) > 1 else 0.0
    return {"share": used, "newest": int(spans.max(initial=0)), "pictures": pictures}
