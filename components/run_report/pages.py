"""Renders report data as self-contained HTML pages: of one run, and of two runs compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from components.run_report import charts, formatting, tuning_view, views
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
from components.run_report.views import distance_chart, reliability_view

TEMPLATES = Path(__file__).with_name("templates")


def render_template(name: str, **values: Any) -> str:
    """Renders the template `name` as a page without external resources."""
    return environment().get_template(name).render(**values)


def environment(*folders: Path) -> Environment:
    """Returns a template environment with the common style; it searches `folders`, then the folder
    of this module."""
    made = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "number": charts.number,
        "duration": formatting.duration,
        "plain": formatting.plain,
        "shares": views.shares,
        "picture": views.picture_source,
        "sentence": formatting.sentence,
    }
    made.filters.update(filters)
    made.globals["style"] = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    return made


def render(report: ReportData) -> str:
    """Returns the page as HTML without external resources.

    Missing parts of the report are left out or shown as missing.
    """
    previous = report.previous
    return render_template(
        "page.html",
        report=report,
        summary=views.summary(report),
        facts=views.facts(report),
        models=views.models(report),
        tiles=views.tiles(report),
        metrics=views.metric_rows(report),
        slices=views.slice_rows(report),
        reliability=reliability_view(report.reliability),
        distances=distance_chart(report.copies) if report.copies else None,
        changes=changed_settings(previous.config, report.config) if previous else (),
        moved=moved_figures(previous.metrics, report.metrics) if previous else (),
        forgotten=moved_figures(*_both(report)),
        tuning=tuning_view.tuning(report.tuning) if report.tuning else None,
        stages=[(stage, views.curve_charts(stage)) for stage in report.stages],
        timings=views.timing_bars(report.timings),
    )


def _both(report: ReportData) -> tuple[list[Any], list[Any]]:
    """Metrics of the last blessed and of the new models on the pictures of the last blessed run."""
    return [one["before"] for one in report.forgetting], [one["after"] for one in report.forgetting]


@dataclass(frozen=True)
class PaintedPair:
    """Pictures that two runs generated from one caption, seed by seed (base64 PNG)."""

    caption: str
    language: str
    seeds: tuple[int, ...]
    sides: tuple[tuple[str, ...], tuple[str, ...]]


def render_comparison(names: tuple[str, str], before: ReportData, now: ReportData) -> str:
    """Returns the page of a comparison as HTML without external resources.

    Args:
      names: of the runs.
      before, now: their reports; the second is compared with the first.

    Raises:
      ValueError: this version cannot read a metric.
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
    """Returns a sentence with the number of metrics that changed beyond noise."""
    counts = Counter(item.outcome for item in moved)
    both = sum(counts[outcome] for outcome in (BETTER, WORSE, CHANGED, ALIKE))
    if not both:
        return "The runs have no figure in common."
    said = f"{counts[BETTER]} better, {counts[WORSE]} worse, {counts[ALIKE]} within noise"
    if counts[CHANGED]:
        said += f", {counts[CHANGED]} changed where neither way is better"
    return f"Of {both} figures that both runs have, the second run has {said}."


def painted_pairs(before: ReportData, now: ReportData) -> tuple[PaintedPair, ...]:
    """Returns the pictures that both runs generated from the same captions and seeds."""
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
