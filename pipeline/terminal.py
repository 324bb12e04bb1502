"""Lines for a terminal: tables of figures, verdicts, and the progress of a run."""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from components.cross_modal_evaluator.thresholds import in_order
from components.run_report.formatting import duration
from trainer.metrics.result import SLICE, Metric

WIDTH = 80
HEADINGS = ("figure", "value", "95 % interval", "chance", "ceiling")
Check = Mapping[str, Any]
NODE_WIDTH = 34


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


def verdict_lines(record: Mapping[str, Any]) -> list[str]:
    """Returns the outcome, then every check, failed ones first, then what to do.

    What several checks say in the same words is said once.

    Args:
      record: `Verdict.to_json` of any version; without checks the sentence alone is told.
    """
    model, checks = record["model"], record.get("checks", ())
    if not checks:
        return wrapped(f"{model}: {record['sentence']}", "", "  ")
    failed, passed = _divided(checks)
    lines = wrapped(f"{model}: {_outcome(record)}", "", "  ")
    lines += _check_lines(failed, "  NO  ") + _check_lines(passed, "  ok  ")
    return lines + _remedy_lines(failed)


def failure_lines(record: Mapping[str, Any]) -> list[str]:
    """Returns the failed checks of a refusal, then what to do; see `verdict_lines`."""
    failed, _ = _divided(record.get("checks", ()))
    if not failed:
        return wrapped(record["sentence"])
    return _check_lines(failed, "  NO  ") + _remedy_lines(failed)


def _divided(checks: Iterable[Check]) -> tuple[list[Check], list[Check]]:
    """Returns the failed and the passed checks, those with the same sentence once."""
    told = {check["sentence"]: check for check in checks}.values()
    return [x for x in told if not x["passed"]], [x for x in told if x["passed"]]


def _check_lines(checks: Iterable[Check], mark: str) -> list[str]:
    return [line for x in checks for line in wrapped(x["sentence"], mark, " " * len(mark))]


def _remedy_lines(failed: Iterable[Check]) -> list[str]:
    return wrapped(in_order(check.get("remedy", "") for check in failed))


def _outcome(record: Mapping[str, Any]) -> str:
    if record.get("forced"):
        return f"BLESSED BY FORCE ({record['forced']})"
    return "blessed" if record["blessed"] else "REFUSED"


class Progress:
    """Prints `[ 3/22] Name  ran  12.3 s`; on a terminal also the node that is at work."""

    def __init__(self, nodes: list[str], stream: TextIO | None = None):
        self._nodes = nodes
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self.outcomes: dict[str, str] = {}

    def started(self, node: str) -> None:
        if self._live:
            self._write(f"{self._label(node)} ...", end="\r")

    def finished(self, node: str, outcome: str, seconds: float) -> None:
        """Prints the node's line; `outcome` is one word, such as `ran` or `cached`."""
        self.outcomes[node] = outcome
        clear = "\x1b[K" if self._live else ""
        self._write(f"{clear}{self._label(node):<{NODE_WIDTH}} {outcome:<10}{duration(seconds):>9}")

    def _label(self, node: str) -> str:
        width = len(str(len(self._nodes)))
        return f"[{self._nodes.index(node) + 1:>{width}}/{len(self._nodes)}] {node}"

    def _write(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._stream, flush=True)
