"""The encoder on real test pictures: retrieval both ways, recognition."""

from __future__ import annotations

import math

import numpy as np

from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.metrics.intervals import Estimate
from trainer.metrics.recognition import multilabel
from trainer.metrics.result import LabelFigure, Metric
from trainer.metrics.retrieval import candidate_count, recall_at_1

CANDIDATES = 100


def pool_size(evidence: Evidence) -> int:
    """100, or as many candidates as the test pictures allow."""
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
    """`f1_micro`, `f1_macro` and `average_precision_macro` of the attributes."""
    labels = _labels(evidence)
    seed = evidence.settings.seed
    found = multilabel(evidence.real.scores, labels, threshold=evidence.thresholds, seed=seed)
    half = multilabel(evidence.real.scores, labels, seed=seed)
    always = multilabel(np.ones_like(evidence.real.scores), labels, seed=seed)
    shared = (
        f"of {int((found.support > 0).sum())} attributes on real test pictures, a score that "
        "reaches the attribute's threshold in the exported encoder says yes (chosen on held-out "
        "training data); chance says yes as often as each attribute holds."
    )
    area = found.average_precision[found.support > 0]
    return [
        figure(
            evidence,
            "f1_micro",
            found.micro_f1,
            f"F1 over all pairs of picture and attribute, {shared}",
            n=len(labels),
            chance=found.chance_micro_f1,
            baselines={"always_yes": always.micro_f1.value, "threshold_0.5": half.micro_f1.value},
            parts={"precision": found.micro_precision, "recall": found.micro_recall},
        ),
        figure(
            evidence,
            "f1_macro",
            found.macro_f1,
            f"Mean F1 {shared}",
            n=len(labels),
            chance=found.chance_macro_f1,
            baselines={"always_yes": always.macro_f1.value, "threshold_0.5": half.macro_f1.value},
            parts={"precision": found.macro_precision, "recall": found.macro_recall},
        ),
        figure(
            evidence,
            "average_precision_macro",
            Estimate(float(area.mean()), math.nan, math.nan),
            "Mean area under the precision-recall steps, over attributes that some test picture "
            "carries.",
            n=len(labels),
            chance=found.chance_macro_f1,
        ),
    ]


def label_by_label(evidence: Evidence) -> list[LabelFigure]:
    """What `recognition` rests on, in the order of the recogniser's names."""
    labels = _labels(evidence)
    found = multilabel(evidence.real.scores, labels, threshold=evidence.thresholds)
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
        )
        for column, name in enumerate(evidence.names)
    ]


def _labels(evidence: Evidence) -> np.ndarray:
    """bool [N, A], which test picture carries what."""
    place = {name: column for column, name in enumerate(evidence.names)}
    labels = np.zeros((len(evidence.records), len(place)), bool)
    for row, record in enumerate(evidence.records):
        labels[row, [place[name] for name in record.attributes if name in place]] = True
    if not labels.any():
        raise NotMeasured("no test picture carries an attribute that the recogniser knows")
    return labels
