"""Measures the models of a run and the last blessed ones, and judges; needs no TFX."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.cross_modal_evaluator.forgetting import Forgetting, is_bounded
from components.cross_modal_evaluator.judge import Verdict, judge, with_previous
from components.cross_modal_evaluator.measure import ENCODER, JUDGE, measure
from components.cross_modal_evaluator.thresholds import Threshold
from data.schema import CaptionedImage
from data.sources import files
from trainer.evaluation.record import Evaluation
from trainer.evaluation.settings import EvaluationSettings
from trainer.metrics.result import Metric

VERDICTS_FILE = "verdicts.json"
FORGETTING_FILE = "forgetting.json"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Assessment:
    """The figures and samples of the models, and a verdict on each.

    Attributes:
      forgotten: `Forgetting.records`, of figures on the pictures of the last blessed run.
    """

    evaluation: Evaluation
    verdicts: dict[str, Verdict]
    forgotten: tuple[dict[str, Any], ...] = ()

    def write(self, directory: str) -> None:
        """Writes the evaluation, `forgetting.json` and `verdicts.json`; may be remote."""
        self.evaluation.write(directory)
        forgotten = json.dumps(self.forgotten, ensure_ascii=False, allow_nan=False)
        files.write_whole(f"{directory}/{FORGETTING_FILE}", forgotten.encode("utf-8"))
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
    earlier: tuple[Sequence[CaptionedImage], Sequence[CaptionedImage]] | None = None,
) -> Assessment:
    """Measures `models` and `last_blessed` alike and judges the former.

    Every model gets a verdict: one that cannot be measured is refused with the reason.

    Args:
      models: SavedModel directories of `encoder`, `captioner` and `generator`.
      last_blessed: the same of the models blessed last; those that do not exist are left out.
      test, train: captioned pictures of these splits.
      settings: of the evaluation.
      thresholds: by metric name or pattern.
      force_bless: a person's reason to bless whatever the checks say, or "".
      earlier: test and training pictures of the last blessed run, if that had other data: what is
        forgotten of them is measured where a threshold bounds it.
    """
    measured = measure(models, test, train, settings)
    evaluation = measured.evaluation
    working = {name: path for name, path in models.items() if name not in measured.faults}
    previous = previous_figures(working, last_blessed, test, train, settings)
    forgetting = None
    if earlier and last_blessed and any(map(is_bounded, thresholds.values())):
        forgetting = forgotten_of(working, last_blessed, earlier, settings)
    verdicts = judge(
        evaluation.metrics,
        thresholds,
        previous,
        force_bless,
        skipped=evaluation.skipped,
        faults=measured.faults,
        forgetting=forgetting,
    )
    compared = with_previous(evaluation.metrics, thresholds, previous)
    forgotten = tuple(forgetting.records(thresholds)) if forgetting else ()
    whole = dataclasses.replace(evaluation, metrics=compared)
    return Assessment(whole, verdicts, forgotten)


def forgotten_of(
    models: Mapping[str, str],
    last_blessed: Mapping[str, str],
    earlier: tuple[Sequence[CaptionedImage], Sequence[CaptionedImage]],
    settings: EvaluationSettings,
) -> Forgetting:
    """Measures both generations of models on the test pictures of the last blessed run.

    The last blessed encoder sees the generated pictures of both: it knows what those pictures show.
    The new one, and a judge that learned from the new data, may have forgotten it with the
    generator, and then miss nothing. Where the last blessed one no longer works, they have to do.

    Args:
      models: the new models, without those that do not work.
      last_blessed: SavedModel directories of the models blessed last.
      earlier: test and training pictures of the last blessed run.
      settings: of the evaluation.
    """
    eyes = {JUDGE: last_blessed[ENCODER]} if ENCODER in last_blessed else {}
    seen: Mapping[str, str] = {**models, **eyes}
    measured = measure(seen, *earlier, settings)
    if eyes and measured.faults:
        seen = models
        measured = measure(seen, *earlier, settings)
    after = {metric.name: metric for metric in measured.evaluation.metrics}
    return Forgetting(after, previous_figures(seen, last_blessed, *earlier, settings))


def previous_figures(
    models: Mapping[str, str],
    last_blessed: Mapping[str, str],
    test: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
) -> dict[str, dict[str, Metric]]:
    """Returns, by model, the last blessed one's figures by name.

    The captioner and the generator are measured with the encoder and the judge of the new ones:
    figures in the spaces of two encoders do not compare. A model that can no longer be measured,
    such as one with older signatures, has no figures.

    Args:
      models: the new models, without those that do not work.
      last_blessed: SavedModel directories of the models blessed last.
      test, train, settings: as for the new models.
    """
    figures: dict[str, dict[str, Metric]] = {}
    if ENCODER not in models:
        return figures
    if ENCODER in last_blessed:
        figures |= _figures({ENCODER: last_blessed[ENCODER]}, [ENCODER], test, train, settings)
    others = {name: path for name, path in last_blessed.items() if name != ENCODER}
    if others:
        figures |= _figures({**models, **others}, list(others), test, train, settings)
    return figures


def _figures(
    models: Mapping[str, str],
    old: Sequence[str],
    test: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
) -> dict[str, dict[str, Metric]]:
    """Measures `models`; the figures count for those named in `old`."""
    measured = measure(models, test, train, settings)
    for name in old:
        if name in measured.faults:
            _LOG.warning("The last blessed %s cannot be measured: %s", name, measured.faults[name])
    by_name = {metric.name: metric for metric in measured.evaluation.metrics}
    return {name: {} if name in measured.faults else by_name for name in old}
