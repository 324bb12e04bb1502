"""Figures as the page lays them out: tiles, rows with their place on a scale, slices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.run_report import charts
from components.run_report.report_data import ReportData
from components.run_report.words import plain
from trainer.metrics.result import SLICE, Metric

TILES = 6


@dataclass(frozen=True)
class Tile:
    """A key figure."""

    label: str
    value: float
    chance: float | None
    ceiling: float | None
    passed: bool | None


@dataclass(frozen=True)
class MetricRow:
    """A metric, the outcome of its checks (None: not judged), its place on a scale, and which way
    is better, as a sign and in words."""

    metric: Metric
    passed: bool | None
    rule: str
    scale: Mapping[str, float] | None
    arrow: str
    better: str


def tiles(report: ReportData) -> list[Tile]:
    """Returns the key figures: those that decide blessings, in the order of the thresholds."""
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
    """Returns a row for every metric that is no slice."""
    return [row for row in _rows(report) if SLICE not in row.metric.name]


def slice_rows(report: ReportData) -> dict[str, list[tuple[str, MetricRow]]]:
    """Returns, by figure, its slices such as `language=zh`, each with its row."""
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
    """Says which way a figure is better."""
    if metric.higher_is_better is None:
        return "Neither higher nor lower is better by itself."
    return f"{'Higher' if metric.higher_is_better else 'Lower'} is better."


def _outcomes(report: ReportData) -> dict[str, tuple[bool, str]]:
    """By metric: whether all its checks passed, and what was asked."""
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
    """Places value, interval, chance, ceiling and baselines on 0 to 100, or None without ends."""
    marks = {"value": metric.value, "chance": metric.chance, "ceiling": metric.ceiling}
    marks |= {"low": metric.low, "high": metric.high}
    marks |= {f"baseline {name}": value for name, value in metric.baselines.items()}
    known = {key: x for key, x in marks.items() if x is not None and math.isfinite(x)}
    low, high = min(known.values(), default=0.0), max(known.values(), default=0.0)
    if "value" not in known or high <= low:
        return None
    low = min(low, 0.0) if low < 0.5 * high else low
    return {key: round(100 * (x - low) / (high - low), 1) for key, x in known.items()}
