"""A measured metric with its interval, chance, ceiling and protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

# Separates the name of a metric from the slice of examples that it was measured on.
SLICE = "@"
# Fields of a Metric that are not written to disk.
_IN_MEMORY = frozenset({"draws", "counts"})


@dataclass(frozen=True)
class Metric:
    """A measured metric and its protocol.

    Attributes:
      name: the name carries the protocol, such as `r_precision_1of100`.
      value: the estimate; NaN if nothing could be measured.
      low, high: ends of the 95 % interval, or None without one.
      n: number of pictures (or captions) that were measured.
      split: the split that was measured.
      seed: the seed of sampling and resampling.
      chance: the value of a blind guess, or None if chance has no meaning.
      ceiling: the value of real pictures (or human captions) under the same protocol, with equal
        numbers of whatever the metric depends on, or None.
      higher_is_better: the direction of improvement; None if neither direction is better.
      protocol: one sentence that says what was compared with what.
      baselines: the same metric of simple baselines, by name.
      parts: a breakdown of the value, such as one value for each kind of attribute.
      extractor: the network that computed features, as name, colon and digest of its weights; ""
        if only pixels or captions were used.
      draws: the metric of each bootstrap resample, for paired differences; kept in memory only.
      counts: for a fraction, how many items of each picture hold and how many were judged, for
        paired differences; kept in memory only.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    n: int
    split: str
    seed: int
    chance: float | None
    ceiling: float | None
    higher_is_better: bool | None
    protocol: str
    baselines: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    extractor: str = ""
    draws: tuple[float, ...] = field(default=(), compare=False, repr=False)
    counts: tuple[tuple[float, float], ...] = field(default=(), compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-able mapping without draws and counts; NaN and infinity become null."""
        return {
            item.name: _finite(getattr(self, item.name))
            for item in fields(self)
            if item.name not in _IN_MEMORY
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Metric:
        """Reads the output of `to_json`. Fields with a default may be missing, as in older records.

        Raises:
          ValueError: keys are unknown or missing; the message names them.
        """
        known = {item.name for item in fields(cls)} - _IN_MEMORY
        needed = {item.name for item in fields(cls) if _is_needed(item)}
        wrong = sorted((set(record) - known) | (needed - set(record)))
        if wrong:
            name = record.get("name", "without a name")
            raise ValueError(f"metric {name}: unknown or missing keys {wrong}; expected {known}")
        values = dict(record)
        if values["value"] is None:
            values["value"] = math.nan
        for group in ("baselines", "parts"):
            values[group] = {
                key: math.nan if value is None else value
                for key, value in values.get(group, {}).items()
            }
        return cls(**values)


@dataclass(frozen=True)
class LabelFigure:
    """Metrics of one label of the recogniser.

    Attributes:
      name: the label.
      support: number of test pictures with it.
      precision, recall, f1: at its threshold; 0 if the denominator is 0.
      average_precision: area under its precision-recall curve; None if no picture has the label.
      threshold: the lowest score that counts as positive, chosen on held-out pictures.
      calibration_error: its expected calibration error; None if it was not measured.
    """

    name: str
    support: int
    precision: float
    recall: float
    f1: float
    average_precision: float | None
    threshold: float
    calibration_error: float | None = None


def _is_needed(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
