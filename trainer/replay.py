"""Examples of older spans among those of the newest one, in a fixed share of every step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.batches import Sampler, generator_of

# How `data.sources.several` names the pictures of a window.
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
