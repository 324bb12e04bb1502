"""METEOR and SPICE of the captioner's English, where this machine can run them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.evaluation.spoken import ALL_REFERENCES, RANDOM, spoken
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
    said, seed = english[0], evidence.settings.seed
    people, others = said.one_out(seed)
    several = len(said.several()) == len(said.rows)
    try:
        scorer = start()
        own = scorer(said.candidates, others)
        told = {rival: scorer(texts, others).corpus for rival, texts in said.rivals.items()}
        ceiling = scorer(people, others).corpus if several else None
        usual = scorer(said.candidates, said.references).corpus
    except Unavailable as reason:
        raise NotMeasured(str(reason)) from None
    protocol = (
        f"{what} of English captions of {len(said.rows)} of {len(evidence.records)} real test "
        "pictures against all their English references but one, which is drawn, or against the "
        "only one (all_references: against all); chance is random training captions"
    )
    if several:
        protocol += ", the ceiling the one that is left out, against the same others"
    return [
        figure(
            evidence,
            f"{name}_en",
            own.interval(seed),
            f"{protocol}.",
            n=len(said.rows),
            chance=told.pop(RANDOM, None),
            ceiling=ceiling,
            baselines=told,
            parts={ALL_REFERENCES: usual},
        )
    ]
