"""Measures both generations of models on the data that they may have forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.cross_modal_evaluator.forgetting import Forgetting
from components.cross_modal_evaluator.measure import ENCODER, JUDGE, Measured, measure
from components.cross_modal_evaluator.previous import previous_figures
from data.schema import CaptionedImage
from trainer.evaluation.settings import EvaluationSettings
from trainer.metrics.result import Metric


@dataclass(frozen=True)
class Earlier:
    """Data of an earlier run.

    Attributes:
      models: those that were blessed on these data later than on any other but the new ones.
      test, train: captioned pictures of these splits.
    """

    models: tuple[str, ...]
    test: Sequence[CaptionedImage]
    train: Sequence[CaptionedImage]


def forgotten_of(
    models: Mapping[str, str],
    last_blessed: Mapping[str, str],
    earlier: Sequence[Earlier],
    eyes: Sequence[str],
    settings: EvaluationSettings,
) -> Forgetting:
    """Measures each model and the one blessed before it on the data of the latter.

    Generated pictures of both are seen by eyes that know what the data show: the new encoder, and
    a judge that learned from the new data, may have forgotten it with the generator and then miss
    nothing. The first of `eyes` that works is taken, then the last blessed encoder, and the new
    run's own where that does not work either.

    Args:
      models: the new models, without those that do not work.
      last_blessed: SavedModel directories of the models blessed last.
      earlier: the data, each with the models to be measured on them.
      eyes: SavedModel directories of encoders that learned from the generator's earlier data.
      settings: of the evaluation.
    """
    after: dict[str, Mapping[str, Metric]] = {}
    before: dict[str, Mapping[str, Metric]] = {}
    eyes = [*eyes, *([last_blessed[ENCODER]] if ENCODER in last_blessed else [])]
    for data in earlier:
        old = {name: path for name, path in last_blessed.items() if name in data.models}
        if old:
            seen, measured = _seen(models, eyes, data, settings)
            figures = {metric.name: metric for metric in measured.evaluation.metrics}
            after |= dict.fromkeys(old, figures)
            before |= previous_figures(seen, old, data.test, data.train, settings)
    return Forgetting(after, before)


def _seen(
    models: Mapping[str, str], eyes: Sequence[str], data: Earlier, settings: EvaluationSettings
) -> tuple[Mapping[str, str], Measured]:
    """Returns the models, with the first eyes that work as their judge, and what was measured."""
    for one in eyes:
        seen = {**models, JUDGE: one}
        measured = measure(seen, data.test, data.train, settings)
        if not measured.faults:
            return seen, measured
    return models, measure(models, data.test, data.train, settings)
