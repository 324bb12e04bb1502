"""What a training took over from an earlier model, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

_SHOWN = 6


@dataclass
class StartRecord:
    """What became of an earlier model's weights; it goes into the training's summary.

    Attributes:
      source: directory of the earlier model.
      digest: of its weights.
      name, resolution: of its experiment.
      taken: weights that were taken over as they were.
      grown: weights of which some entries were taken over, such as the rows of known words.
      resized: weights that were fitted to another resolution.
      new: weights that have no counterpart of their shape.
      left: weights of the earlier model that have none.
      numbers: of `taken`, `grown`, `resized`, `new` and `left`: how many numbers these are. Of
        `grown` the kept ones count; the others count as new.
      words, labels, languages: how many were `kept`, are `new`, were `left`.
      frozen: weights that are not trained, `frozen_until` so far.
      kept_rate: factor of the learning rate of the weights in `taken`.
    """

    source: str
    digest: str
    name: str
    resolution: int
    taken: list[str] = field(default_factory=list)
    grown: list[str] = field(default_factory=list)
    resized: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    frozen: list[str] = field(default_factory=list)
    frozen_until: float = 1.0
    kept_rate: float = 1.0

    def count(self, kind: str, numbers: int) -> None:
        """Adds `numbers` to those of a kind."""
        self.numbers[kind] = self.numbers.get(kind, 0) + int(numbers)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able mapping, with `lines` for people."""
        return asdict(self) | {"lines": self.lines()}

    def lines(self) -> list[str]:
        """The record in sentences."""
        kinds = ("taken", "grown", "resized", "new", "left")
        counts = _counts({kind: self.numbers.get(kind, 0) for kind in kinds})
        found = [f"starts from {self.source} ({self.name}, {self.resolution} px): {counts}"]
        known = {"words": self.words, "labels": self.labels, "languages": self.languages}
        told = [f"{name}: {_counts(one)}" for name, one in known.items() if any(one.values())]
        if told:
            found.append("; ".join(told))
        lists = {kind: getattr(self, kind) for kind in kinds[1:]}
        found += [f"{kind}: {_some(names)}" for kind, names in lists.items() if names]
        if self.frozen:
            until = "" if self.frozen_until == 1 else f" until {self.frozen_until:.0%} is done"
            found.append(f"frozen{until}: {_some(self.frozen)}")
        if self.kept_rate != 1:
            found.append(f"learning rate of what was taken: times {self.kept_rate:g}")
        return found


def kept_and_new(old: Sequence[str], new: Sequence[str]) -> dict[str, int]:
    """How many of `new` were in `old`, how many not, and how many of `old` are gone."""
    before, now = set(old), set(new)
    return {"kept": len(now & before), "new": len(now - before), "left": len(before - now)}


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
