"""Compares the settings and metrics of two runs, such as a run and the previous one."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.run_report.report_data import Previous
from data.base import files
from trainer.metrics.intervals import Difference, difference
from trainer.metrics.result import Metric

BETTER, WORSE, CHANGED, ALIKE = "better", "worse", "changed", "within noise"
ONLY_BEFORE, ONLY_NOW, UNMEASURED = "only before", "only now", "not a number"
_LOG = logging.getLogger(__name__)
OTHER_EYES = "seen otherwise"
ABSENT = "–"


@dataclass(frozen=True)
class Change:
    """A changed setting by its dotted key, with both values as text."""

    key: str
    before: str
    now: str


@dataclass(frozen=True)
class Moved:
    """One metric of two runs.

    Attributes:
      name: of the metric.
      before, now: the metric in each run, or None if a run lacks it.
      difference: the change, or None if it cannot be computed.
      outcome: `better`, `worse`, `changed` if neither direction is better, `within noise`,
        `only before`, `only now`, `not a number`, or `seen otherwise` if other networks computed
        the features, so that the values are not comparable.
    """

    name: str
    before: Metric | None
    now: Metric | None
    difference: Difference | None
    outcome: str


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    """Returns the changed settings, in the order of the newer run.

    A missing setting counts as null.
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
    """Returns the metrics of both runs, in the order of the newer one.

    Args:
      before, now: `Metric.to_json` records.

    Raises:
      ValueError: this version cannot read a record.
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


def previous_run(uri: str, name: str) -> Previous | None:
    """Returns settings and metrics of the newest report before the one at `uri`.

    Args:
      uri: of this report's artefact; its last part is the number of the execution, and the
        artefacts next to it are those of earlier runs.
      name: of the file with the content of a report.

    Returns:
      None if there is none on this disk, or if this version cannot read it.
    """
    own = uri.rstrip("/").rpartition("/")[2]
    if files.is_remote(uri) or not own.isdecimal():
        return None
    beside = [item for item in Path(uri).parent.glob(f"[0-9]*/{name}") if _number(item) < int(own)]
    if not beside:
        return None
    path = max(beside, key=_number)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for metric in record["metrics"]:
            Metric.from_json(metric)
        return Previous(record["made"], record["config"], tuple(record["metrics"]))
    except (KeyError, TypeError, ValueError) as error:
        _LOG.warning("%s cannot be compared with: %s", path, error)
        return None


def _number(path: Path) -> int:
    return int(path.parent.name) if path.parent.name.isdecimal() else -1
