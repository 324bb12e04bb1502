"""Figures of the models that were blessed last, measured as the new ones are."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from components.cross_modal_evaluator.measure import ENCODER, measure
from data.schema import CaptionedImage
from trainer.evaluation.settings import EvaluationSettings
from trainer.metrics.result import Metric

_LOG = logging.getLogger(__name__)


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
