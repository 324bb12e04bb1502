"""Measures the models of a run and the last blessed ones, and judges; needs no TFX."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from components.cross_modal_evaluator.judge import Threshold, Verdict, judge, with_previous
from data.schema import CaptionedImage
from data.sources import files
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.record import Evaluation
from trainer.evaluation.settings import EvaluationSettings
from trainer.metrics.result import Metric

VERDICTS_FILE = "verdicts.json"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Assessment:
    """The figures and samples of the models, and a verdict on each."""

    evaluation: Evaluation
    verdicts: dict[str, Verdict]

    def write(self, directory: str) -> None:
        """Writes `metrics.json`, `samples/` and `verdicts.json`; the directory may be remote."""
        self.evaluation.write(directory)
        records = [verdict.to_json() for verdict in self.verdicts.values()]
        text = json.dumps(records, ensure_ascii=False, indent=1, allow_nan=False)
        files.write_whole(f"{directory}/{VERDICTS_FILE}", text.encode("utf-8"))


def assess(
    models: Mapping[str, str],
    last_blessed: Mapping[str, str],
    test: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
    *,
    settings: EvaluationSettings,
    thresholds: Mapping[str, Threshold],
    force_bless: str = "",
) -> Assessment:
    """Measures `models` and `last_blessed` alike and judges the former.

    Args:
      models: SavedModel directories of `encoder`, `captioner` and `generator`.
      last_blessed: the same of the models blessed last; those that do not exist are left out.
      test, train: captioned pictures of these splits.
      settings: of the evaluation.
      thresholds: by metric name or pattern.
      force_bless: a person's reason to bless whatever the checks say, or "".
    """
    evaluation = evaluate(models, test, train, settings)
    previous = previous_figures(models, last_blessed, test, train, settings)
    verdicts = judge(
        evaluation.metrics, thresholds, previous, force_bless, skipped=evaluation.skipped
    )
    compared = with_previous(evaluation.metrics, thresholds, previous)
    return Assessment(dataclasses.replace(evaluation, metrics=compared), verdicts)


def previous_figures(
    models: Mapping[str, str],
    last_blessed: Mapping[str, str],
    test: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
) -> dict[str, dict[str, Metric]]:
    """Returns, by model, the last blessed one's figures by name.

    The captioner and the generator are measured with the new encoder, as the new ones are: figures
    in the spaces of two encoders do not compare. A model that can no longer be measured, such as
    one with older signatures, has no figures.
    """
    figures: dict[str, dict[str, Metric]] = {}
    others = {name: path for name, path in last_blessed.items() if name != "encoder"}
    plans = [(["encoder"], last_blessed)] if "encoder" in last_blessed else []
    if others:
        plans.append((list(others), {**models, **others}))
    for names, measured in plans:
        chosen = {"encoder": measured["encoder"]} if names == ["encoder"] else measured
        try:
            metrics = evaluate(chosen, test, train, settings).metrics
        except (ValueError, OSError, tf.errors.OpError) as error:
            _LOG.warning("The last blessed %s cannot be measured: %s", " and ".join(names), error)
            metrics = []
        for name in names:
            figures[name] = {metric.name: metric for metric in metrics}
    return figures
