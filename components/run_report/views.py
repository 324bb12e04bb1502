"""Prepares report data for the templates: states, rows, charts, bars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from components.run_report import charts
from components.run_report.formatting import duration, plain
from components.run_report.report_data import CopyFacts, Curve, NodeTime, ReportData, StageFacts
from trainer.config import STAGES
from trainer.metrics.result import SLICE, Metric

TILES = 6
COMMON = ("images_per_second",)


@dataclass(frozen=True)
class ModelCard:
    """A model's state; equal sentences of several checks are shown once.

    `state` is `blessed`, `refused`, `forced`, `unjudged`, or `unservable` if only ServingCheck
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
    """Returns short phrases on the resources of the run; unknown ones are left out."""
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
    """Returns a card for every model with a verdict, a ServingCheck report or a push, in the order
    of training."""
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
    """Returns (name, chart) of each logged quantity, with its held-out counterpart if any."""
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
    """Orders quantities: training quantities, then held-out ones, then those of all trainings."""
    ordered = sorted(names, key=lambda name: name.startswith("val_"))
    bases = dict.fromkeys(name.removeprefix("val_") for name in ordered)
    return sorted(bases, key=lambda name: name in COMMON)


def timing_bars(timings: Sequence[NodeTime]) -> list[tuple[NodeTime, float]]:
    """Returns each node with its duration as a fraction of the longest one."""
    longest = max((item.seconds for item in timings), default=0.0) or 1.0
    return [(item, item.seconds / longest) for item in timings]


def shares(counts: Mapping[str, int]) -> list[tuple[str, int, float]]:
    """Returns name, count, and the count as a fraction of the largest one."""
    largest = max(counts.values(), default=0) or 1
    return [(name, count, count / largest) for name, count in counts.items()]


def picture_source(png: str) -> Markup:
    """Returns the data URL of a base64 PNG."""
    return Markup("data:image/png;base64,{}").format(png)


def _state(verdict: Mapping[str, Any] | None, serving: Mapping[str, Any] | None) -> tuple[str, str]:
    """A model's state and a sentence about it."""
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


@dataclass(frozen=True)
class Tile:
    """A key metric."""

    label: str
    value: float
    chance: float | None
    ceiling: float | None
    passed: bool | None


@dataclass(frozen=True)
class MetricRow:
    """A metric, the outcome of its checks (None for no check), its position on a scale, and its
    direction of improvement, as a symbol and in words."""

    metric: Metric
    passed: bool | None
    rule: str
    scale: Mapping[str, float] | None
    arrow: str
    better: str


def tiles(report: ReportData) -> list[Tile]:
    """Returns the key metrics: the first ones with checks, or the first of all without checks."""
    outcomes = _outcomes(report)
    metrics = [Metric.from_json(record) for record in report.metrics]
    metrics = [metric for metric in metrics if SLICE not in metric.name]
    judged = [metric for metric in metrics if metric.name in outcomes]
    return [
        Tile(
            plain(metric.name),
            metric.value,
            metric.chance,
            metric.ceiling,
            outcomes.get(metric.name, (None, ""))[0],
        )
        for metric in (judged or metrics)[:TILES]
    ]


def metric_rows(report: ReportData) -> list[MetricRow]:
    """Returns a row for every metric that is not a slice."""
    return [row for row in _rows(report) if SLICE not in row.metric.name]


def slice_rows(report: ReportData) -> dict[str, list[tuple[str, MetricRow]]]:
    """Returns, by metric, its slices such as `language=zh`, each with its row."""
    found: dict[str, list[tuple[str, MetricRow]]] = {}
    for row in _rows(report):
        figure, at, part = row.metric.name.partition(SLICE)
        if at:
            found.setdefault(figure, []).append((part, row))
    return found


def _rows(report: ReportData) -> list[MetricRow]:
    outcomes = _outcomes(report)
    rows = []
    for record in report.metrics:
        metric = Metric.from_json(record)
        passed, rule = outcomes.get(metric.name, (None, ""))
        arrow = {True: "↑", False: "↓", None: "↕"}[metric.higher_is_better]
        rows.append(MetricRow(metric, passed, rule, _scale(metric), arrow, better(metric)))
    return rows


def better(metric: Metric) -> str:
    """Describes a metric's direction of improvement."""
    if metric.higher_is_better is None:
        return "Neither higher nor lower is better by itself."
    return f"{'Higher' if metric.higher_is_better else 'Lower'} is better."


def _outcomes(report: ReportData) -> dict[str, tuple[bool, str]]:
    """By metric, whether all its checks passed, and the conditions."""
    outcomes: dict[str, tuple[bool, str]] = {}
    for verdict in report.verdicts:
        for check in verdict["checks"]:
            passed, words = outcomes.get(check["metric"], (True, ""))
            asked = _asked(check)
            joined = f"{words}, {asked}" if words and asked else words or asked
            outcomes[check["metric"]] = (passed and check["passed"], joined)
    return outcomes


def _asked(check: Mapping[str, Any]) -> str:
    if check["limit"] is None:
        return ""
    limit = charts.number(check["limit"])
    words = {
        "min": f"≥ {limit}",
        "max": f"≤ {limit}",
        "max_regression": f"≤ {limit} worse",
        "max_forgetting": f"≤ {limit} forgotten",
        "beats": f"beats {limit}",
        "least_n": f"N ≥ {limit} to compare",
    }
    return words[check["rule"]]


def _scale(metric: Metric) -> dict[str, float] | None:
    """Positions of value, interval, chance, ceiling and baselines from 0 to 100; None without a
    range."""
    marks = {"value": metric.value, "chance": metric.chance, "ceiling": metric.ceiling}
    marks |= {"low": metric.low, "high": metric.high}
    marks |= {f"baseline {name}": value for name, value in metric.baselines.items()}
    known = {key: x for key, x in marks.items() if x is not None and math.isfinite(x)}
    low, high = min(known.values(), default=0.0), max(known.values(), default=0.0)
    if "value" not in known or high <= low:
        return None
    low = min(low, 0.0) if low < 0.5 * high else low
    return {key: round(100 * (x - low) / (high - low), 1) for key, x in known.items()}


LEAST_RADIUS, MOST_RADIUS = 2.5, 8.0

Bars = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ReliabilityView:
    """The reliability diagram, the expected calibration error, and the number of pairs."""

    chart: Markup
    error: float
    pairs: int


def reliability_view(bars: Bars) -> ReliabilityView | None:
    """Returns the view of the bins in `ReportData.reliability`; None without a pair."""
    filled = [bar for bar in bars if bar["count"]]
    if not filled:
        return None
    pairs = sum(bar["count"] for bar in filled)
    gaps = sum(bar["count"] * abs(bar["score"] - bar["frequency"]) for bar in filled)
    return ReliabilityView(_reliability_chart(filled), gaps / pairs, pairs)


def _reliability_chart(bars: Bars) -> Markup:
    scale = charts.Scale(0.0, 1.0, 0.0, 1.0)
    most = max(bar["count"] for bar in bars)
    places = [(scale.x(bar["score"]), scale.y(bar["frequency"])) for bar in bars]
    corners = " ".join(f"{x},{y}" for x, y in places)
    parts = [
        charts.axes(scale, "score that the recogniser gives", "share that holds"),
        Markup('<line class="diagonal" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
            scale.x(0), scale.y(0), scale.x(1), scale.y(1)
        ),
        Markup('<polyline class="line held-out" points="{}"/>').format(corners),
    ]
    for bar, (x, y) in zip(bars, places, strict=True):
        radius = LEAST_RADIUS + (MOST_RADIUS - LEAST_RADIUS) * (bar["count"] / most) ** 0.5
        words = f"{bar['count']} pairs: score {bar['score']:.2f}, holds in {bar['frequency']:.0%}"
        parts.append(
            Markup(
                '<circle class="dot held-out" cx="{}" cy="{}" r="{}"><title>{}</title></circle>'
            ).format(x, y, round(radius, 1), words)
        )
    label = f"Reliability diagram with {len(bars)} groups of scores"
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(charts.WIDTH, charts.HEIGHT, label, Markup("").join(parts))


def distance_chart(facts: CopyFacts) -> Markup | None:
    """Returns the distances of both sets of pictures as curves, or None without them."""
    series = [
        charts.Series(name, _quantile_points(distances), kind)
        for name, distances, kind in (
            ("generated", facts.generated_distances, "training"),
            ("test pictures", facts.held_out_distances, "held-out"),
        )
        if distances
    ]
    if not series:
        return None
    return charts.line_chart(series, "pictures up to this distance, %", "distance, grey levels")


def _quantile_points(distances: Sequence[float]) -> tuple[tuple[float, float], ...]:
    last = max(1, len(distances) - 1)
    return tuple((100 * place / last, distance) for place, distance in enumerate(distances))
