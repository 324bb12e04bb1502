"""Adds verdict and metrics to the model card of a pushed model."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from fnmatch import fnmatchcase

from components.run_report.charts import number
from components.run_report.report_data import ReportData
from components.run_report.views import better
from data.base import files
from trainer.export.model_card import with_figures
from trainer.metrics.result import Metric

PLACE = "assets.extra/tuwen/model_card.md"
# The model that a metric evaluates, by the beginning of its name; all others are the generator's.
_OF_MODEL = {
    "encoder": "retrieval* f1_* average_precision* calibration*",
    "captioner": "bleu* rouge* cider* meteor* spice* caption_* distinct* novel* vocabulary* "
    "repetition* length*",
}
HEAD = ("| figure | value | 95 % interval | N | chance | ceiling |", "|---|---|---|---|---|---|")


def complete(directory: str, report: ReportData, model: str) -> None:
    """Adds metrics and verdict of `model` to the card in the SavedModel's `directory`.

    A model without a card, from an earlier version, is not changed.
    """
    path = posixpath.join(directory, PLACE)
    if files.is_file(path):
        card = with_figures(files.read(path).decode("utf-8"), figure_lines(report, model))
        files.write_whole(path, card.encode("utf-8"))


def figure_lines(report: ReportData, model: str) -> list[str]:
    """Returns the verdict and a table of the model's metrics with their protocols, in Markdown."""
    lines = [f"Of the run `{report.name}`, {report.made}."]
    for verdict in report.verdicts:
        if verdict["model"] == model:
            lines += ["", verdict["sentence"]]
            if verdict["forced"]:
                lines += ["", f"The refusal that was overridden: {verdict.get('refusal', '')}"]
    metrics = [Metric.from_json(record) for record in report.metrics]
    own = [metric for metric in metrics if model_of(metric.name) == model]
    if own:
        lines += ["", *_table(own), "", *(f"- `{one.name}`: {_protocol(one)}" for one in own)]
    return lines


def model_of(figure: str) -> str:
    """Returns the model that a metric evaluates."""
    for model, patterns in _OF_MODEL.items():
        if any(fnmatchcase(figure, pattern) for pattern in patterns.split()):
            return model
    return "generator"


def _table(metrics: Sequence[Metric]) -> list[str]:
    rows = list(HEAD)
    for one in metrics:
        known = one.low is not None and one.high is not None
        interval = f"{_cell(one.low)} to {_cell(one.high)}" if known else ""
        cells = (_cell(one.value), interval, str(one.n), _cell(one.chance), _cell(one.ceiling))
        rows.append(f"| `{one.name}` | {' | '.join(cells)} |")
    return rows


def _protocol(metric: Metric) -> str:
    text = f"{metric.protocol} {better(metric)} Split {metric.split}, seed {metric.seed}."
    if metric.extractor:
        text += f" Seen by {metric.extractor}."
    rivals = ", ".join(f"{name} {number(value)}" for name, value in metric.baselines.items())
    return f"{text} Baselines: {rivals}." if rivals else text


def _cell(value: float | None) -> str:
    return "" if value is None else number(value)
