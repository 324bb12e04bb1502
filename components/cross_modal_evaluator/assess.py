"""Measures the models of a run and the last blessed ones, and judges; needs no TFX."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.cross_modal_evaluator.earlier import Earlier, forgotten_of
from components.cross_modal_evaluator.forgetting import is_bounded
from components.cross_modal_evaluator.judge import Verdict, judge, with_previous
from components.cross_modal_evaluator.measure import measure
from components.cross_modal_evaluator.previous import previous_figures
from components.cross_modal_evaluator.thresholds import Threshold
from data.base import files
from data.schema import CaptionedImage
from trainer.evaluation.record import Evaluation
from trainer.evaluation.settings import EvaluationSettings

VERDICTS_FILE = "verdicts.json"
FORGETTING_FILE = "forgetting.json"


@dataclass(frozen=True)
class Assessment:
    """The figures and samples of the models, and a verdict on each.

    Attributes:
      forgotten: `Forgetting.records`, of figures on the pictures of earlier runs.
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
    earlier: Sequence[Earlier] = (),
    earlier_judge: str = "",
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
      earlier: other data on which models were blessed: what is forgotten of them is measured where
        a threshold bounds it.
      earlier_judge: SavedModel directory of the judge of the run that blessed the last generator
        on other data, or "".
    """
    measured = measure(models, test, train, settings)
    evaluation = measured.evaluation
    working = {name: path for name, path in models.items() if name not in measured.faults}
    previous = previous_figures(working, last_blessed, test, train, settings)
    forgetting = None
    if earlier and last_blessed and any(map(is_bounded, thresholds.values())):
        eyes = [earlier_judge] if earlier_judge else []
        forgetting = forgotten_of(working, last_blessed, earlier, eyes, settings)
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
