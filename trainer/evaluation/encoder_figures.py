"""Metrics of the encoder on real test pictures: retrieval, recognition, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.schema import CaptionedImage
from trainer.evaluation.caption_metrics import NEAREST, nearest_training
from trainer.evaluation.figures import figure
from trainer.evaluation.inputs import Evidence, NotMeasured, labelled
from trainer.metrics.intervals import Estimate
from trainer.metrics.recognition import (
    Recognition,
    Reliability,
    macro_average_precision,
    micro_average_precision,
    multilabel,
    reliability,
)
from trainer.metrics.result import LabelFigure, Metric
from trainer.metrics.retrieval import candidate_count, recall_at_1

CANDIDATES = 100


def pool_size(evidence: Evidence) -> int:
    """100, or as many candidates as the test pictures allow; raises NotMeasured for fewer than
    2."""
    try:
        return candidate_count(len(evidence.records), CANDIDATES, evidence.prompts.meanings)
    except ValueError as error:
        raise NotMeasured(str(error)) from None


def retrieval(evidence: Evidence) -> list[Metric]:
    """`retrieval_text_to_image_1of100` and `retrieval_image_to_text_1of100`."""
    pool, n = pool_size(evidence), len(evidence.records)
    pairs = {
        "text_to_image": (evidence.text, evidence.real.embedding, "A caption finds its picture"),
        "image_to_text": (evidence.real.embedding, evidence.text, "A picture finds its caption"),
    }
    return [
        figure(
            evidence,
            f"retrieval_{direction}_1of{pool}",
            recall_at_1(queries, gallery, pool, evidence.settings.seed, evidence.prompts.meanings),
            f"{sentence} among {pool - 1} of other test pictures whose captions say something "
            "else (one caption each; expectation over all draws of the others).",
            n=n,
            chance=1 / pool,
        )
        for direction, (queries, gallery, sentence) in pairs.items()
    ]


def recognition(evidence: Evidence) -> list[Metric]:
    """`f1_micro`, `f1_macro`, `average_precision_micro`, `average_precision_macro` of the
    attributes."""
    labels, scores = _labels(evidence), evidence.real.scores
    seed = evidence.settings.seed
    found = multilabel(scores, labels, threshold=evidence.thresholds, seed=seed)
    near = _nearest(evidence)
    rivals = {
        "always_yes": multilabel(np.ones_like(scores), labels, seed=seed),
        "threshold_0.5": multilabel(scores, labels, seed=seed),
        NEAREST: multilabel(near, labels, seed=seed),
    }
    carried = int((found.support > 0).sum())
    shared = (
        f"of {carried} attributes on real test pictures, a score that "
        "reaches the attribute's threshold in the exported encoder says yes (chosen on held-out "
        "training data); chance says yes as often as each attribute holds."
    )
    return [
        _f1(
            evidence,
            "f1_micro",
            f"F1 over all pairs of picture and attribute, {shared}",
            found,
            rivals,
        ),
        _f1(evidence, "f1_macro", f"Mean F1 {shared}", found, rivals),
        figure(
            evidence,
            "average_precision_micro",
            micro_average_precision(scores, labels, seed=seed),
            f"Area under the precision-recall steps of all pairs of picture and attribute as one "
            f"ranking, {len(evidence.names)} attributes; chance is the share of pairs that hold.",
            n=len(labels),
            chance=float(labels.mean()),
            baselines={NEAREST: micro_average_precision(near, labels, rounds=0).value},
        ),
        figure(
            evidence,
            "average_precision_macro",
            macro_average_precision(scores, labels, seed=seed),
            f"Mean area under the precision-recall steps, over {carried} attributes that some test "
            "picture carries; chance is their mean frequency.",
            n=len(labels),
            chance=found.chance_macro_f1,
            baselines={NEAREST: macro_average_precision(near, labels, rounds=0).value},
        ),
    ]


def calibration(evidence: Evidence) -> list[Metric]:
    """`calibration_error` of the attribute scores."""
    labels, found = _labels(evidence), diagram(evidence)
    carried = labels.any(0)
    return [
        figure(
            evidence,
            "calibration_error",
            found.error,
            f"Expected calibration error over all pairs of {len(labels)} real test pictures and "
            f"{len(evidence.names)} attributes, {len(found.bins)} bins of equal width; chance is "
            "scores drawn evenly between 0 and 1.",
            n=len(labels),
            chance=found.chance,
            higher_is_better=False,
            baselines={"always_no": float(labels.mean())},
            parts={"label_mean": float(found.label_errors[carried].mean())},
        )
    ]


def diagram(evidence: Evidence) -> Reliability:
    """The reliability diagram behind `calibration`."""
    return reliability(evidence.real.scores, _labels(evidence), seed=evidence.settings.seed)


def label_by_label(evidence: Evidence) -> list[LabelFigure]:
    """Metrics of each label, in the order of the recogniser's names."""
    labels = _labels(evidence)
    found = multilabel(evidence.real.scores, labels, threshold=evidence.thresholds)
    errors = diagram(evidence).label_errors
    return [
        LabelFigure(
            name=name,
            support=int(found.support[column]),
            precision=float(found.precision[column]),
            recall=float(found.recall[column]),
            f1=float(found.f1[column]),
            average_precision=(
                float(found.average_precision[column]) if found.support[column] else None
            ),
            threshold=float(evidence.thresholds[column]),
            calibration_error=float(errors[column]),
        )
        for column, name in enumerate(evidence.names)
    ]


def _f1(
    evidence: Evidence,
    name: str,
    protocol: str,
    found: Recognition,
    rivals: dict[str, Recognition],
) -> Metric:
    """`f1_micro` or `f1_macro`."""
    mean = name.removeprefix("f1_")

    def f1(result: Recognition) -> Estimate:
        return getattr(result, f"{mean}_f1")

    return figure(
        evidence,
        name,
        f1(found),
        protocol,
        n=len(evidence.records),
        chance=getattr(found, f"chance_{mean}_f1"),
        baselines={rival: f1(result).value for rival, result in rivals.items()},
        parts={part: getattr(found, f"{mean}_{part}") for part in ("precision", "recall")},
    )


def _labels(evidence: Evidence) -> np.ndarray:
    """The attributes of each test picture, bool [N, A]."""
    labels = _carried(evidence.records, evidence.names)
    if not labels.any():
        raise NotMeasured("no test picture carries an attribute that the recogniser knows")
    return labels


def _nearest(evidence: Evidence) -> np.ndarray:
    """The attributes of the training picture nearest to each test picture, float64 [N, A]."""
    records = [evidence.training.records[place] for place in nearest_training(evidence)]
    return _carried(labelled(records, evidence.names), evidence.names).astype(np.float64)


def _carried(records: Sequence[CaptionedImage], names: Sequence[str]) -> np.ndarray:
    place = {name: column for column, name in enumerate(names)}
    labels = np.zeros((len(records), len(place)), bool)
    for row, record in enumerate(records):
        labels[row, [place[name] for name in record.attributes if name in place]] = True
    return labels
