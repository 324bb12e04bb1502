"""`render(report) -> html`: one self-contained page; needs neither TensorFlow nor TFX."""

from __future__ import annotations

from typing import Any

from components.run_report import figures_view, tuning_view, views
from components.run_report.comparison import changed_settings, moved_figures
from components.run_report.copies_view import distance_chart
from components.run_report.reliability_view import reliability_view
from components.run_report.report_data import ReportData
from components.run_report.templating import render_template


def render(report: ReportData) -> str:
    """Returns the page as HTML text that loads nothing from anywhere.

    Parts of the report that are missing are left out or said to be missing.
    """
    previous = report.previous
    return render_template(
        "page.html",
        report=report,
        summary=views.summary(report),
        facts=views.facts(report),
        models=views.models(report),
        tiles=figures_view.tiles(report),
        metrics=figures_view.metric_rows(report),
        slices=figures_view.slice_rows(report),
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
    """Figures on the pictures of the last blessed run, of its models and of the new ones."""
    return [one["before"] for one in report.forgetting], [one["after"] for one in report.forgetting]
