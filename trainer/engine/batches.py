"""Which examples a step sees: a pure function of seed and step, so a resumed run sees the same."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Which examples a step sees: a pure function of seed and step, so a resumed run sees the same.


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


# Examples of older spans among those of the newest one, in a fixed share of every step.


# How `data.sources.spans` names the pictures of a window.
_SPAN = re.compile(r"span-([0-9]+)/")
# Among the uses of a step's draws.
_ORDER = 5


class Replay:
    """Draws so many rows of each step from older examples that their share is kept in the long run.

    Both kinds are drawn epoch by epoch, each row once in an epoch of its kind, and nothing is kept
    between steps (experience replay; Rolnick et al. 2019, section 3, without its buffer: the older
    spans are on the disk).

    Attributes:
      share: of older rows.
      batch_size: rows of a step.
    """

    def __init__(self, older: np.ndarray, batch_size: int, seed: int, share: float):
        """Divides rows by `older`, bool [N], which is true of some and of others not."""
        self.share, self.batch_size, self.seed = share, batch_size, seed
        self._rows = [np.flatnonzero(older), np.flatnonzero(~older)]
        self._samplers = [Sampler(len(rows), batch_size, seed) for rows in self._rows]

    def rows(self, step: int, turn: int = 0) -> np.ndarray:
        """As `Sampler.rows`."""
        before, after = (int(places * self.batch_size * self.share) for places in (step, step + 1))
        new = [count * self.batch_size - old for count, old in ((step, before), (step + 1, after))]
        places = (range(before, after), range(*new))
        parts = [
            rows[sampler.at(some, turn)]
            for rows, sampler, some in zip(self._rows, self._samplers, places, strict=True)
        ]
        drawn = np.concatenate(parts)
        # What compares neighbours, and each of several devices, sees both kinds.
        return drawn[generator_of(self.seed, turn, step, _ORDER).permutation(len(drawn))]

    def captions(self, step: int, counts: np.ndarray, turn: int = 0) -> np.ndarray:
        """As `Sampler.captions`."""
        return self._samplers[1].captions(step, counts, turn)


def spans_of(image_ids: Sequence[str]) -> np.ndarray:
    """int [N]: the span of each picture, 0 where its name tells none."""
    found = (_SPAN.match(name) for name in image_ids)
    return np.array([int(match[1]) if match else 0 for match in found], np.int64)


def sampler_of(spans: np.ndarray, batch_size: int, seed: int, share: float | None):
    """The sampler of rows whose spans are int [N]: of all alike without a share or older spans."""
    older = spans < spans.max(initial=0)
    if share is None or not older.any():
        return Sampler(len(spans), batch_size, seed)
    return Replay(older, batch_size, seed, share)


def record_of(spans: np.ndarray, share: float | None) -> dict[str, Any] | None:
    """What the training's summary says of replay; None where none is asked for.

    Returns:
      `share` asked for, `newest` span, and by span the training pictures that there are.
    """
    if share is None:
        return None
    numbers, counts = np.unique(spans, return_counts=True)
    pictures = {str(number): int(count) for number, count in zip(numbers, counts, strict=True)}
    used = share if len(numbers) > 1 else 0.0
    return {"share": used, "newest": int(spans.max(initial=0)), "pictures": pictures}
