"""Evaluates the models of a run and the last blessed ones, and gives verdicts; needs no TFX."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.cross_modal_evaluator.thresholds import MODELS, Threshold
from components.cross_modal_evaluator.verdicts import (
    Forgetting,
    Verdict,
    is_bounded,
    judge,
    with_previous,
)
from data.base import files
from data.schema import CaptionedImage
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.record import Evaluation
from trainer.evaluation.settings import EvaluationSettings
from trainer.metrics.result import Metric

ENCODER, JUDGE = "encoder", "judge"
VERDICTS_FILE = "verdicts.json"
FORGETTING_FILE = "forgetting.json"
LONGEST = 300

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """Metrics of the models that work, and by model why the others cannot be measured."""

    evaluation: Evaluation
    faults: dict[str, str] = field(default_factory=dict)


def measure(
    models: Mapping[str, str],
    test: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
) -> Measured:
    """Evaluates `models`; does not raise for a model that fails to load or gives bad outputs.

    If the evaluation of all models fails, the encoder is measured alone, then with the captioner,
    then with the generator: the model whose addition fails is at fault. Nothing can be measured
    without the encoder.

    Args:
      models: SavedModel directories by `encoder`, `captioner` and `generator`.
      test, train: captioned pictures of these splits.
      settings: of the evaluation.
    """
    try:
        return Measured(evaluate(models, test, train, settings))
    except Exception:
        _LOG.exception("The models cannot be measured together; trying them one after the other")
    # Other models, such as the judge, are part of every attempt.
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
    """The error in one line; TensorFlow's messages can be pages long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2]) or "no message"
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    return f"{type(error).__name__}: {short.rstrip('.')}"


def previous_figures(
    models: Mapping[str, str],
    last_blessed: Mapping[str, str],
    test: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
) -> dict[str, dict[str, Metric]]:
    """Returns, by model, the metrics of the last blessed one by name.

    The captioner and the generator are measured with the new encoder and judge: metrics in the
    spaces of different encoders are not comparable. A model that can no longer be measured, such as
    one with older signatures, has no metrics.

    Args:
      models: the new models, without those that do not work.
      last_blessed: SavedModel directories of the last blessed models.
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
    """Measures `models`; returns the metrics for each model in `old`."""
    measured = measure(models, test, train, settings)
    for name in old:
        if name in measured.faults:
            _LOG.warning("The last blessed %s cannot be measured: %s", name, measured.faults[name])
    by_name = {metric.name: metric for metric in measured.evaluation.metrics}
    return {name: {} if name in measured.faults else by_name for name in old}


@dataclass(frozen=True)
class Earlier:
    """Data of an earlier run.

    Attributes:
      models: those whose most recent blessing on other data than the new ones was on these data.
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
    """Measures each new model and the last blessed one on the data of the latter.

    Generated pictures are measured by an encoder that was trained on the earlier data: the new
    encoder and the new judge may have forgotten the same things as the generator, and would not
    detect it. The first working encoder of `eyes` is used, else the last blessed encoder, else that
    of the new run.

    Args:
      models: the new models, without those that do not work.
      last_blessed: SavedModel directories of the last blessed models.
      earlier: the data, each with the models to measure on them.
      eyes: SavedModel directories of encoders that were trained on the generator's earlier data.
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
    """Returns the models with the first working encoder of `eyes` as judge, and their metrics."""
    for one in eyes:
        seen = {**models, JUDGE: one}
        measured = measure(seen, data.test, data.train, settings)
        if not measured.faults:
            return seen, measured
    return models, measure(models, data.test, data.train, settings)


@dataclass(frozen=True)
class Assessment:
    """The evaluation of the models, and a verdict on each.

    Attributes:
      forgotten: `Forgetting.records`, metrics on the pictures of earlier runs.
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
    """Measures `models` and `last_blessed` with the same protocol and gives verdicts on `models`.

    Every model gets a verdict: one that cannot be measured is refused with the reason.

    Args:
      models: SavedModel directories of `encoder`, `captioner` and `generator`.
      last_blessed: the same for the last blessed models, as far as they exist.
      test, train: captioned pictures of these splits.
      settings: of the evaluation.
      thresholds: by metric name or pattern.
      force_bless: the user's reason to bless regardless of the checks, or "".
      earlier: other data on which models were blessed; forgetting is measured on them if a
        threshold limits it.
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
