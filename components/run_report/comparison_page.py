"""`render_comparison(before, now) -> html`: two runs side by side on one self-contained page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from components.run_report.comparison import (
    ALIKE,
    BETTER,
    CHANGED,
    WORSE,
    Moved,
    changed_settings,
    moved_figures,
)
from components.run_report.report_data import ReportData
from components.run_report.templating import render_template


@dataclass(frozen=True)
class PaintedPair:
    """What two runs painted of one caption, seed by seed (base64 PNG)."""

    caption: str
    language: str
    seeds: tuple[int, ...]
    sides: tuple[tuple[str, ...], tuple[str, ...]]


def render_comparison(names: tuple[str, str], before: ReportData, now: ReportData) -> str:
    """Returns the page as HTML text that loads nothing from anywhere.

    Args:
      names: what the runs are called.
      before, now: their reports; the second is judged against the first.

    Raises:
      ValueError: a figure that this version cannot read.
    """
    moved = moved_figures(before.metrics, now.metrics)
    return render_template(
        "comparison.html",
        names=names,
        runs=tuple(zip(names, (before, now), strict=True)),
        lead=lead(moved),
        changes=changed_settings(before.config, now.config),
        moved=moved,
        pairs=painted_pairs(before, now),
    )


def lead(moved: Sequence[Moved]) -> str:
    """Returns in one sentence how many figures moved beyond noise."""
    counts = Counter(item.outcome for item in moved)
    both = sum(counts[outcome] for outcome in (BETTER, WORSE, CHANGED, ALIKE))
    if not both:
        return "The runs have no figure in common."
    said = f"{counts[BETTER]} better, {counts[WORSE]} worse, {counts[ALIKE]} within noise"
    if counts[CHANGED]:
        said += f", {counts[CHANGED]} changed where neither way is better"
    return f"Of {both} figures that both runs have, the second run has {said}."


def painted_pairs(before: ReportData, now: ReportData) -> tuple[PaintedPair, ...]:
    """Returns what both runs painted of the same captions with the same seeds."""
    old = {item.caption: item for item in before.painted}
    found = []
    for new in now.painted:
        if new.caption not in old:
            continue
        other = old[new.caption]
        seeds = tuple(seed for seed in new.seeds if seed in other.seeds)
        if seeds:
            sides = tuple(
                tuple(item.pictures[item.seeds.index(seed)] for seed in seeds)
                for item in (other, new)
            )
            found.append(PaintedPair(new.caption, new.language, seeds, (sides[0], sides[1])))
    return tuple(found)
