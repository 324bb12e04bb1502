"""From report data to what the templates lay out: states, rows, charts, bars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from components.run_report import charts
from components.run_report.report_data import Curve, NodeTime, ReportData, StageFacts
from components.run_report.words import duration, plain
from trainer.config import STAGES

COMMON = ("images_per_second",)


@dataclass(frozen=True)
class ModelCard:
    """A model's state in one look; what several checks say in the same words is in it once.

    `state` is `blessed`, `refused`, `forced`, `unjudged`, or `unservable` where ServingCheck alone
    refused it.
    """

    name: str
    state: str
    lead: str
    checks: tuple[Mapping[str, Any], ...]
    serving: Mapping[str, Any] | None
    push: str


def summary(report: ReportData) -> str:
    """Returns the run's outcome in one sentence."""
    verdicts = report.verdicts
    if not verdicts:
        return "The models of this run were not judged."
    unservable = {record["model"] for record in report.serving if not record["blessed"]}
    refused = [
        verdict["model"]
        for verdict in verdicts
        if not verdict["blessed"] or verdict["model"] in unservable
    ]
    by_force = [verdict["model"] for verdict in verdicts if verdict["forced"]]
    if not refused and by_force:
        return f"Blessed by force: {' and '.join(by_force)}. The checks say no."
    if not refused:
        return f"All {len(verdicts)} models are blessed." if len(verdicts) > 1 else "Blessed."
    names = " and ".join(refused) if len(refused) < 3 else "All three models"
    verb = "is" if len(refused) == 1 else "are"
    return f"{names[0].upper()}{names[1:]} {verb} refused; the reasons are below."


def facts(report: ReportData) -> list[str]:
    """Returns what the run took, in a few words each; what is not known is left out."""
    pictures = sum(split.pictures for split in report.data.splits)
    seconds = sum(item.seconds for item in report.timings)
    machine = [
        f"{value} {name}" if name == "cores" else value
        for name, value in report.hardware.items()
        if name in ("CPU", "cores")
    ]
    words = [
        f"{pictures} pictures" if pictures else "",
        f"{duration(seconds)} in all" if seconds else "",
        ", ".join(machine),
        report.made,
    ]
    return [word for word in words if word]


def models(report: ReportData) -> list[ModelCard]:
    """Returns a card for every model that something is known of, in the order of training."""
    verdicts = {verdict["model"]: verdict for verdict in report.verdicts}
    serving = {record["model"]: record for record in report.serving}
    pushed = {push.model: push for push in report.pushed}
    cards = []
    for name in STAGES:
        if not any(name in known for known in (verdicts, serving, pushed)):
            continue
        verdict, push = verdicts.get(name), pushed.get(name)
        words = "" if push is None else f"pushed as version {push.version}"
        if push is not None and not push.pushed:
            words = "not pushed"
        checks = verdict["checks"] if verdict else ()
        told = tuple({check["sentence"]: check for check in checks}.values())
        cards.append(
            ModelCard(name, *_state(verdict, serving.get(name)), told, serving.get(name), words)
        )
    return cards


def curve_charts(stage: StageFacts) -> list[tuple[str, Markup]]:
    """Returns (name, chart) of each logged quantity, its held-out twin in the same chart."""
    curves = {curve.name: curve for curve in stage.curves}
    made = []
    for name in _chart_order(curves):
        alarms = [
            (item.x, item.text) for item in stage.alarms if item.curve.removeprefix("val_") == name
        ]
        series = [
            charts.Series(kind, points, kind)
            for key, kind in ((name, "training"), (f"val_{name}", "held-out"))
            if (points := _points(curves.get(key)))
        ]
        if series:
            label = plain(name) + (" (images/s)" if name == "images_per_second" else "")
            chart = charts.line_chart(series, "pictures seen", plain(name), alarms)
            made.append((label, chart))
    return made


def _chart_order(names: Iterable[str]) -> list[str]:
    """What is trained on first, then what is only held out, then what all trainings log."""
    ordered = sorted(names, key=lambda name: name.startswith("val_"))
    bases = dict.fromkeys(name.removeprefix("val_") for name in ordered)
    return sorted(bases, key=lambda name: name in COMMON)


def timing_bars(timings: Sequence[NodeTime]) -> list[tuple[NodeTime, float]]:
    """Returns each node with its share of the longest one."""
    longest = max((item.seconds for item in timings), default=0.0) or 1.0
    return [(item, item.seconds / longest) for item in timings]


def shares(counts: Mapping[str, int]) -> list[tuple[str, int, float]]:
    """Returns name, count and share of the largest count."""
    largest = max(counts.values(), default=0) or 1
    return [(name, count, count / largest) for name, count in counts.items()]


def picture_source(png: str) -> Markup:
    """Returns the data address of a base64 PNG."""
    return Markup("data:image/png;base64,{}").format(png)


def _state(verdict: Mapping[str, Any] | None, serving: Mapping[str, Any] | None) -> tuple[str, str]:
    """A model's state and what to say of it."""
    if verdict is not None and not verdict["blessed"]:
        return "refused", _reason(verdict)
    if serving is not None and not serving["blessed"]:
        return "unservable", _reason(serving)
    if verdict is None:
        return "unjudged", "This model was not judged."
    if verdict["forced"]:
        return "forced", verdict["sentence"]
    count = len({check["sentence"] for check in verdict["checks"]})
    if not count:
        return "blessed", verdict["sentence"]
    return "blessed", f"All {count} checks passed." if count > 1 else "The check passed."


def _reason(record: Mapping[str, Any]) -> str:
    return record["sentence"].removeprefix("Refused: ")


def _points(curve: Curve | None) -> tuple[tuple[float, float], ...]:
    if curve is None:
        return ()
    return tuple(
        (x, y) for x, y in zip(curve.x, curve.y, strict=True) if y is not None and math.isfinite(y)
    )
