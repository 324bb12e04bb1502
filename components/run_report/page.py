"""`render(report) -> html`: one self-contained page; needs neither TensorFlow nor TFX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from components.run_report import charts, tuning_view, views
from components.run_report.report_data import ReportData

TEMPLATES = Path(__file__).with_name("templates")


def render(report: ReportData) -> str:
    """Returns the page as HTML text that loads nothing from anywhere.

    Parts of the report that are missing are left out or said to be missing.
    """
    page = environment(FileSystemLoader(TEMPLATES)).get_template("page.html")
    return page.render(
        report=report,
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        summary=views.summary(report),
        facts=views.facts(report),
        models=views.models(report),
        tiles=views.tiles(report),
        metrics=views.metric_rows(report),
        tuning=tuning_view.tuning(report.tuning) if report.tuning else None,
        stages=[(stage, views.curve_charts(stage)) for stage in report.stages],
        timings=views.timing_bars(report.timings),
    )


def environment(loader: BaseLoader) -> Environment:
    """Returns what renders templates of `loader`, with the filters of this page."""
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "number": charts.number,
        "duration": views.duration,
        "plain": views.plain,
        "shares": views.shares,
        "picture": views.picture_source,
        "sentence": views.sentence,
    }
    made.filters.update(filters)
    return made
