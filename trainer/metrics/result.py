"""One figure of a judgement, with everything that is needed to read it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

# Between the name of a figure and the part of the examples that it was measured on.
SLICE = "@"
# Fields of a Metric that no record holds.
_IN_MEMORY = frozenset({"draws", "counts"})


@dataclass(frozen=True)
class Metric:
    """A measured figure and its protocol.

    Attributes:
      name: the name carries the protocol, such as `r_precision_1of100`.
      value: the estimate; NaN where nothing could be measured.
      low, high: ends of the 95 % interval, or None where there is none.
      n: pictures (or captions) that the value rests on.
      split: the split that was judged.
      seed: the seed of sampling and resampling.
      chance: what a blind guess gives, or None where chance has no meaning.
      ceiling: what real pictures (or a person's captions) give under the same protocol, with equal
        numbers of whatever the figure depends on, or None.
      higher_is_better: the direction of improvement; None where neither way is better by itself.
      protocol: one sentence that says what was compared with what.
      baselines: values of the same figure for simple rivals, by name.
      parts: the value's breakdown, such as one figure for each kind of attribute.
      extractor: what saw the pictures: a name, a colon, and a digest of its weights; "" where
        nothing but their pixels or captions counts.
      draws: the figure of each bootstrap resample, for paired differences; they stay in memory.
      counts: of a share, how many things of each picture hold and how many were judged, for paired
        differences; they stay in memory.
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
        """Returns a JSON-able mapping without draws and counts; NaN and infinity, which JSON lacks,
        become null."""
        return {
            item.name: _finite(getattr(self, item.name))
            for item in fields(self)
            if item.name not in _IN_MEMORY
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Metric:
        """Reads what `to_json` wrote; raises ValueError that names unknown and missing keys.

        What has a default may be missing: a record may be older than the field.
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
    """What is known of one label of the recogniser.

    Attributes:
      name: the label.
      support: test pictures that carry it.
      precision, recall, f1: at its threshold; 0 where nothing was said or there was nothing to say.
      average_precision: area under its precision-recall steps; None where no picture carries it.
      threshold: the score from which the recogniser says yes, chosen on held-out pictures.
      calibration_error: how far its scores are from the frequencies that they claim; None where
        it was not measured.
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
