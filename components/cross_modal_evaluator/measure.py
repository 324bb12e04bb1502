"""Measures models of which any may be broken: what works is measured, what does not is named."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.cross_modal_evaluator.thresholds import MODELS
from data.schema import CaptionedImage
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.record import Evaluation
from trainer.evaluation.settings import EvaluationSettings

ENCODER, JUDGE = "encoder", "judge"
LONGEST = 300

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """Figures of the models that work, and by model why the others cannot be measured."""

    evaluation: Evaluation
    faults: dict[str, str] = field(default_factory=dict)


def measure(
    models: Mapping[str, str],
    test: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
) -> Measured:
    """Evaluates `models`; never raises for a model that does not load, answer or make sense.

    When all together fail, the encoder is measured alone, then with the captioner, then with the
    generator too: the one whose joining fails is at fault. Nothing can be measured without the
    encoder.

    Args:
      models: SavedModel directories by `encoder`, `captioner` and `generator`.
      test, train: captioned pictures of these splits.
      settings: of the evaluation.
    """
    try:
        return Measured(evaluate(models, test, train, settings))
    except Exception:
        _LOG.exception("The models cannot be measured together; trying them one after the other")
    # What is no model under judgement, such as one more judge, is part of every attempt.
    working = {name: path for name, path in models.items() if name not in MODELS}
    found, faults = _nothing(settings), {}
    for name in [name for name in MODELS if name in models]:
        try:
            found = evaluate({**working, name: models[name]}, test, train, settings)
            working[name] = models[name]
        except Exception as error:
            _LOG.exception("The %s cannot be measured", name)
            faults[name] = _said(error)
            if name == ENCODER:
                others = f"the encoder, through which it is measured, fails: {faults[name]}"
                return Measured(found, {**dict.fromkeys(MODELS, others), **faults})
    return Measured(found, faults)


def _nothing(settings: EvaluationSettings) -> Evaluation:
    skipped = {"all figures": "the encoder cannot be measured"}
    return Evaluation(settings, metrics=[], skipped=skipped, generated=(), captioned=())


def _said(error: Exception) -> str:
    """The error in one line; TensorFlow's messages go on for pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2]) or "no message"
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    return f"{type(error).__name__}: {short.rstrip('.')}"
