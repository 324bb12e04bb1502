"""From a trainer's logs to curves, sample sheets and alarms; needs neither TensorFlow nor TFX."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from components.run_report.report_data import Alarm, Curve, StageFacts
from data.base import files

AXES = ("step", "images", "seconds")
SHEETS = 4
LOWER_IS_BETTER = re.compile(r"val_(kid|fid|.*loss|.*entropy|discriminator_gap)")
FALL = 0.15
ENOUGH = 5


def stage_facts(stage: str, directory: str) -> StageFacts:
    """Reads `progress.jsonl`, `summary.json` and `samples/` of one training; any may be missing."""
    progress = _text(directory, "progress.jsonl")
    curves = tuple(_curves(read_progress(progress)))
    summary = _text(directory, "summary.json")
    return StageFacts(
        stage=stage,
        summary=json.loads(summary) if summary else {},
        curves=curves,
        alarms=(*alarms(curves), *rollbacks(progress, curves)),
        samples=_sheets(f"{directory}/samples"),
    )


def read_progress(text: str) -> list[dict[str, Any]]:
    """Returns the records of `progress.jsonl` in order of training.

    A training that was resumed from a checkpoint repeats steps: the later record counts. A line
    that a killed process left unfinished is left out, and so are alarms.
    """
    records: list[dict[str, Any]] = []
    for record in _lines(text):
        if "alarm" in record:
            continue
        while records and _replaces(record, records[-1]):
            records.pop()
        records.append(record)
    return records


def _lines(text: str) -> Iterable[dict[str, Any]]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def rollbacks(text: str, curves: Iterable[Curve]) -> list[Alarm]:
    """Returns where a broken training went back to a checkpoint, for each curve."""
    names = dict.fromkeys(curve.name.removeprefix("val_") for curve in curves)
    found = [record for record in _lines(text) if "alarm" in record]
    return [Alarm(name, float(one["images"]), one["alarm"]) for one in found for name in names]


def _replaces(record: dict[str, Any], before: dict[str, Any]) -> bool:
    return before["step"] > record["step"] or (
        before["step"] == record["step"] and before.keys() == record.keys()
    )


def alarms(curves: Iterable[Curve]) -> list[Alarm]:
    """Returns what a person should look at: broken numbers, and held-out figures that fell back."""
    found = []
    for curve in curves:
        broken = [x for x, y in zip(curve.x, curve.y, strict=True) if y is None]
        if broken:
            found.append(Alarm(curve.name, broken[0], f"{curve.name} is not finite"))
        elif curve.name.startswith("val_"):
            found += _fall(curve)
    return sorted(found, key=lambda alarm: alarm.x)


def _fall(curve: Curve) -> list[Alarm]:
    """An alarm at the best point, when both last looks are clearly worse than that."""
    sign = -1.0 if LOWER_IS_BETTER.match(curve.name) else 1.0
    values = [sign * y for y in curve.y if y is not None]
    best = max(range(len(values)), key=values.__getitem__, default=0)
    if len(values) < ENOUGH or len(values) - best < 3:
        return []
    fall = values[best] - max(values[-2:])
    if fall <= FALL * abs(values[best]):
        return []
    name = curve.name.removeprefix("val_").replace("_", " ")
    text = f"held-out {name} was best here and got worse since"
    return [Alarm(curve.name, curve.x[best], text)]


def _curves(records: Sequence[dict[str, Any]]) -> Iterable[Curve]:
    names = dict.fromkeys(key for record in records for key in record if key not in AXES)
    for name in names:
        points = [(record["images"], record[name]) for record in records if name in record]
        yield Curve(
            name,
            tuple(float(x) for x, _ in points),
            tuple(float(y) if y is not None and math.isfinite(y) else None for _, y in points),
        )


def _sheets(directory: str) -> dict[str, str]:
    """Base64 of at most `SHEETS` sample sheets, evenly spread from the first to the last."""
    paths = files.matching(directory, "step-*.png")
    if len(paths) > SHEETS:
        last = len(paths) - 1
        paths = [paths[round(i * last / (SHEETS - 1))] for i in range(SHEETS)]
    return {_step(path): base64.b64encode(files.read(path)).decode() for path in paths}


def _step(path: str) -> str:
    return path.rpartition("step-")[2].removesuffix(".png").lstrip("0") or "0"


def _text(directory: str, name: str) -> str:
    path = files.join(directory, name)
    return files.read(path).decode("utf-8") if files.is_file(path) else ""
