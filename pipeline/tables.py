"""Figures and verdicts as lines for a terminal."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence

from trainer.metrics.result import SLICE, Metric

WIDTH = 80
HEADINGS = ("figure", "value", "95 % interval", "chance", "ceiling")


def metric_table(metrics: Iterable[Metric]) -> list[str]:
    """Returns a line for each figure: value, interval, what chance and what real pictures give.

    Figures of slices are many: they are counted here, and stand in the files and the report.
    """
    metrics = list(metrics)
    whole = [metric for metric in metrics if SLICE not in metric.name]
    lines = columns([HEADINGS, *(_row(metric) for metric in whole)])
    parts = len(metrics) - len(whole)
    return [*lines, f"and {parts} figures of slices, in metrics.json"] if parts else lines


def columns(rows: Sequence[Sequence[str]], width: int = WIDTH) -> list[str]:
    """Returns a line a row; the first column is left, all others are right aligned.

    A first cell that would make its line wider than `width` gets a line of its own.
    """
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    left = max(0, width - sum(widths[1:]) - 2 * len(widths[1:]))
    first = max((len(row[0]) for row in rows if len(row[0]) <= left), default=0)
    lines = []
    for row in rows:
        name = row[0]
        if len(name) > first:
            lines.append(name)
            name = ""
        cells = [f"{cell:>{size}}" for cell, size in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([f"{name:<{first}}", *cells]).rstrip())
    return lines


def wrapped(text: str, first: str = "  ", rest: str = "  ", width: int = WIDTH) -> list[str]:
    """Returns `text` in lines of at most `width`, indented; words such as paths stay whole."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


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
