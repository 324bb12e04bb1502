"""Formats a `CheckResult` as plain text for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from data.base.terminal import fitted
from data.checking.check import CheckResult, Spread
from data.checking.findings import Finding
from data.checking.vocabulary_coverage import by_language

_SHOWN = 12
_PLACES = 3
_NAME = 11


def render(result: CheckResult) -> str:
    """Returns the statistics, and the findings with their places and remedies."""
    lines = [*fitted(result.source, "")]
    for name, text in _figures(result) if result.pictures or result.rejects else ():
        lines += fitted(f"{name:<{_NAME}}{text}", " " * _NAME)
    for finding in result.findings:
        lines += _finding(finding)
    lines.append("A run can start on this data." if result.ok else "A run would stop on this data.")
    return "\n".join(lines)


def _figures(result: CheckResult) -> Iterator[tuple[str, str]]:
    yield "pictures", f"{result.pictures:,} ({counts(result.splits)})"
    yield "sizes", _sizes(result)
    yield "formats", counts(result.formats)
    yield "colours", counts(result.modes)
    for language, figures in result.captions.items():
        yield (
            "captions",
            f"{language}: {figures.count:,} ({figures.distinct:,} distinct), words "
            f"{_spread(figures.words)}, {figures.vocabulary:,} different ({figures.once:,} "
            "met once)",
        )
    for group, labels in result.attributes.items():
        yield (
            "attributes",
            f"{group or '(no group)'}: {labels.values:,} on {labels.pictures:,} pictures, "
            f"{labels.rare:,} rare; {counts(labels.commonest, 5)}",
        )
    if not result.attributes:
        yield "attributes", "none"
    if result.model:
        shares = ", ".join(f"{tag} {share:.1%}" for tag, share in by_language(result.model).items())
        yield "not known", f"to {result.model.model}: {shares or 'no word'} of the words"
    yield "left out", counts(result.reject_reasons) or "none"
    if result.files:
        yield "files", f"{sum(result.files.values()):,} seen: {counts(result.files)}"
    if result.mended:
        yield "mended", counts(result.mended)


def counts(held: Mapping[str, int], most: int = _SHOWN) -> str:
    """Returns `name count, ...` for the first `most`."""
    shown = [f"{name} {count:,}" for name, count in list(held.items())[:most]]
    more = [f"and {len(held) - most} more"] if len(held) > most else []
    return ", ".join(shown + more)


def _spread(spread: Spread) -> str:
    return f"{spread.low:g} to {spread.high:g}, median {spread.median:g}"


def _sizes(result: CheckResult) -> str:
    text = f"width {_spread(result.widths)}; height {_spread(result.heights)}"
    return f"{text}; {result.smaller:,} smaller than {result.resolution}"


def places(finding: Finding, most: int = _PLACES) -> str:
    """Returns a phrase with the first places of a finding."""
    more = ", ..." if len(finding.rows) > most else ""
    return ", ".join(finding.rows[:most]) + more


def _finding(finding: Finding) -> Iterator[str]:
    mark = "STOPS" if finding.stops else "note"
    where = f"{places(finding)}: " if finding.rows else ""
    yield from fitted(f"{mark:<6} {where}{finding.what}", " " * 7)
    yield from fitted(f"{'':<7}{finding.remedy}", " " * 7)
