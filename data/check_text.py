"""A `CheckResult` as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from data.check import CheckResult, Problem, Spread

_SHOWN = 12


def render(result: CheckResult) -> str:
    """Returns the figures, a line each, and the problems with where they are and their remedies."""
    lines = {
        "pictures": f"{result.pictures:,} ({_counts(result.splits)})",
        "sizes": _sizes(result),
        "files": _counts(result.formats),
        "colours": _counts(result.modes),
        "captions": _captions(result),
        "attributes": _counts(result.attributes) or "none",
        "left out": _counts(result.rejects) or "none",
    }
    table = "\n".join(f"{name:<11}{text}" for name, text in lines.items())
    verdict = "A run can start on this data." if result.ok else "A run would stop on this data."
    problems = "\n".join(map(_problem, result.problems))
    return "\n".join(filter(None, (result.source, table, problems, verdict)))


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {count:,}" for name, count in list(counts.items())[:_SHOWN]]
    more = [f"and {len(counts) - _SHOWN} more"] if len(counts) > _SHOWN else []
    return ", ".join(shown + more)


def _spread(spread: Spread) -> str:
    return f"{spread.low:g} to {spread.high:g}, median {spread.median:g}"


def _sizes(result: CheckResult) -> str:
    text = f"width {_spread(result.widths)}; height {_spread(result.heights)}"
    return f"{text}; {result.smaller:,} smaller than {result.resolution}"


def _captions(result: CheckResult) -> str:
    return ("\n" + " " * 11).join(
        f"{language}: {figures.count:,} ({figures.distinct:,} distinct), words "
        f"{_spread(figures.words)}, {figures.vocabulary:,} different"
        for language, figures in result.captions.items()
    )


def _problem(problem: Problem) -> str:
    mark = "STOPS" if problem.stops else "note"
    return f"{mark:<6} {problem.where}: {problem.what}\n       {problem.remedy}"
