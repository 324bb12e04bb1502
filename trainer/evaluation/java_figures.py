"""METEOR and SPICE of the captioner's English, where this machine can run them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.evaluation.spoken import RANDOM, spoken
from trainer.metrics import java
from trainer.metrics.extras import Unavailable
from trainer.metrics.result import Metric

Scorer = Callable[[Sequence[str], Sequence[Sequence[str]]], java.JavaScores]


def meteor(evidence: Evidence) -> list[Metric]:
    """`meteor_en`."""
    return _figure(evidence, "meteor", java.meteor, "METEOR 1.5")


def spice(evidence: Evidence) -> list[Metric]:
    """`spice_en`."""
    return _figure(evidence, "spice", java.spice, "SPICE 1.0")


def _figure(evidence: Evidence, name: str, start: Callable[[], Scorer], what: str) -> list[Metric]:
    english = [said for said in spoken(evidence) if said.language == "en"]
    if not english:
        raise NotMeasured(f"{what} is for English captions, and there are none")
    said = english[0]
    places, last, others = said.people()
    try:
        scorer = start()
        own = scorer(said.candidates, said.references)
        told = {
            rival: scorer(texts, said.references).corpus for rival, texts in said.rivals.items()
        }
        ceiling = scorer(last, others).corpus if len(places) > 1 else None
    except Unavailable as reason:
        raise NotMeasured(str(reason)) from None
    return [
        figure(
            evidence,
            f"{name}_en",
            own.interval(evidence.settings.seed),
            f"{what} of English captions of {len(said.rows)} of {len(evidence.records)} real test "
            "pictures against all their English references; chance is random training captions, "
            "the ceiling one reference against the others.",
            n=len(said.rows),
            chance=told.pop(RANDOM, None),
            ceiling=ceiling,
            baselines=told,
        )
    ]
