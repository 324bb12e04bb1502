"""What differs between two runs: settings, and figures as far as they differ beyond noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.metrics.intervals import Difference, difference
from trainer.metrics.result import Metric

BETTER, WORSE, CHANGED, ALIKE = "better", "worse", "changed", "within noise"
ONLY_BEFORE, ONLY_NOW, UNMEASURED = "only before", "only now", "not a number"
OTHER_EYES = "seen otherwise"
ABSENT = "–"


@dataclass(frozen=True)
class Change:
    """A setting by its dotted key, with both of its values in words."""

    key: str
    before: str
    now: str


@dataclass(frozen=True)
class Moved:
    """One figure of two runs.

    Attributes:
      name: the figure's.
      before, now: the figure in each run, or None where a run lacks it.
      difference: how it moved, or None where it cannot be told.
      outcome: `better`, `worse`, `changed` where neither way is better, `within noise`,
        `only before`, `only now`, `not a number`, or `seen otherwise` where other networks looked
        at the pictures, so that nothing can be said.
    """

    name: str
    before: Metric | None
    now: Metric | None
    difference: Difference | None
    outcome: str


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    """Returns the settings whose values differ, in the order of the newer run.

    A setting that a run lacks counts as null.
    """
    old, new = dict(_flat(before)), dict(_flat(now))
    keys = [*new, *(key for key in old if key not in new)]
    return tuple(
        Change(key, _words(old, key), _words(new, key))
        for key in keys
        if old.get(key) != new.get(key)
    )


def moved_figures(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> tuple[Moved, ...]:
    """Returns every figure of either run, in the order of the newer one.

    Args:
      before, now: `Metric.to_json` records.

    Raises:
      ValueError: a record that this version cannot read.
    """
    old = {metric.name: metric for metric in map(Metric.from_json, before)}
    new = {metric.name: metric for metric in map(Metric.from_json, now)}
    names = [*new, *(name for name in old if name not in new)]
    return tuple(_moved(name, old.get(name), new.get(name)) for name in names)


def _moved(name: str, before: Metric | None, now: Metric | None) -> Moved:
    if now is None or before is None:
        return Moved(name, before, now, None, ONLY_BEFORE if now is None else ONLY_NOW)
    if not math.isfinite(before.value) or not math.isfinite(now.value):
        return Moved(name, before, now, None, UNMEASURED)
    if now.extractor != before.extractor:
        return Moved(name, before, now, None, OTHER_EYES)
    found = difference(now, before)
    if not found.beyond_noise:
        return Moved(name, before, now, found, ALIKE)
    if found.higher_is_better is None:
        return Moved(name, before, now, found, CHANGED)
    return Moved(name, before, now, found, WORSE if found.worse > 0 else BETTER)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; an empty mapping is a value."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _words(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return ABSENT
    value = values[key]
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
