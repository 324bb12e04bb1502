"""Figures and verdicts as lines for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from trainer.metrics.result import Metric

HEADINGS = ("figure", "value", "95 % interval", "chance", "ceiling")


def metric_table(metrics: Iterable[Metric]) -> list[str]:
    """Returns a line for each figure: value, interval, what chance and what real pictures give."""
    return columns([HEADINGS, *(_row(metric) for metric in metrics)])


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns one line a row; the first column is left, all others are right aligned."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([f"{row[0]:<{widths[0]}}", *cells]).rstrip())
    return lines


def _row(metric: Metric) -> tuple[str, ...]:
    known = metric.low is not None and metric.high is not None
    interval = f"{number(metric.low)} to {number(metric.high)}" if known else ""
    return (
        metric.name,
        number(metric.value),
        interval,
        number(metric.chance),
        number(metric.ceiling),
    )


def number(value: float | None) -> str:
    """Returns three significant digits, `-` for what could not be measured, "" for nothing."""
    if value is None:
        return ""
    return f"{value:.3g}" if math.isfinite(value) else "-"
