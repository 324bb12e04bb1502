"""Scores of the captioner on real test pictures, by language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.evaluation.slices import Examples, slices, terciles
from trainer.evaluation.spoken import MOST_FREQUENT, NEAREST, RANDOM, Spoken, spoken
from trainer.metrics.caption import BLEU, Scores, measure
from trainer.metrics.extras import Unavailable
from trainer.metrics.intervals import bootstrap_mean
from trainer.metrics.result import Metric
from trainer.metrics.words import SEGMENTED, Split, split_of, word_split_of

NAMES = (*BLEU, "rouge_l", "cider_d")


@dataclass(frozen=True)
class _Judged:
    """Scores of one language's captions under one split.

    Attributes:
      said: the captions as tokens joined by blanks.
      split: how they were split.
      own: the captioner's scores.
      rivals: those of the simple captioners, by name.
      people: one reference against the others, of the pictures at `places`; None without several.
    """

    said: Spoken
    split: Split
    own: Scores
    rivals: dict[str, Scores]
    people: Scores | None
    places: list[int]


def scores(evidence: Evidence) -> list[Metric]:
    """BLEU-1..4, `rouge_l`, `cider_d` and what the latter gains over the most frequent caption, for
    every language that is spoken; slices of `cider_d`."""
    judged = [_judge(said, split_of(said.language)) for said in spoken(evidence)]
    return [metric for one in judged for metric in _scores(evidence, one)] + _slices(
        evidence, judged
    )


def by_word(evidence: Evidence) -> list[Metric]:
    """The same scores by word, of languages that set no blanks between words."""
    segmented = [said for said in spoken(evidence) if said.language in SEGMENTED]
    try:
        judged = [_judge(said, word_split_of(said.language)) for said in segmented]
    except Unavailable as reason:
        raise NotMeasured(str(reason)) from None
    return [metric for one in judged for metric in _scores(evidence, one)]


def _judge(said: Spoken, split: Split) -> _Judged:
    said = said.split(split)
    places, last, others = said.people()
    return _Judged(
        said=said,
        split=split,
        own=measure(said.candidates, said.references, False),
        rivals={
            name: measure(texts, said.references, False) for name, texts in said.rivals.items()
        },
        people=measure(last, others, False) if len(places) > 1 else None,
        places=places,
    )


def _scores(evidence: Evidence, judged: _Judged) -> list[Metric]:
    seed, n = evidence.settings.seed, len(judged.said.rows)
    found = judged.own.intervals(seed)
    told = {name: scores.corpus() for name, scores in judged.rivals.items()}
    chance = told.pop(RANDOM, {})
    ceiling = judged.people.corpus() if judged.people else {}
    pictures = (
        f"Captions in '{judged.said.language}' of {n} of {len(evidence.records)} real test pictures"
    )
    protocol = (
        f"{pictures} against all their references in that language, {judged.split.how}; chance is "
        "random training captions, the ceiling one reference against the others."
    )
    metrics = [
        figure(
            evidence,
            f"{name}_{judged.split.name}",
            found[name],
            protocol,
            n=n,
            chance=chance.get(name),
            ceiling=ceiling.get(name),
            baselines={key: values[name] for key, values in told.items()},
        )
        for name in NAMES
    ]
    if MOST_FREQUENT in told:
        own, usual = (
            one.per_image()["cider_d"] for one in (judged.own, judged.rivals[MOST_FREQUENT])
        )
        zero = told[MOST_FREQUENT]["cider_d"]
        metrics.append(
            figure(
                evidence,
                f"gain_cider_d_{judged.split.name}",
                bootstrap_mean(own - usual, seed=seed),
                f"{pictures}: CIDEr-D less what the most frequent training caption gets for the "
                "same pictures; 0 is no better than to say always that.",
                n=n,
                chance=chance["cider_d"] - zero,
                ceiling=ceiling["cider_d"] - zero if ceiling else None,
                baselines={NEAREST: told[NEAREST]["cider_d"] - zero},
            )
        )
    return metrics


def _slices(evidence: Evidence, judged: Sequence[_Judged]) -> list[Metric]:
    """CIDEr-D of all languages together, sliced."""
    languages = [one.said.language for one in judged for _ in one.said.rows]
    lengths = [
        float(np.mean([len(text.split()) for text in texts]))
        for one in judged
        for texts in one.said.references
    ]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([_cider_d(one, one.rivals.get(name)) for one in judged])

    examples = Examples(
        rows=np.concatenate([one.said.rows for one in judged]),
        value=np.concatenate([_cider_d(one, one.own) for one in judged]),
        chance=joined(RANDOM),
        ceiling=np.concatenate([_cider_d(one, one.people, one.places) for one in judged]),
        baselines={name: joined(name) for name in (MOST_FREQUENT, NEAREST)},
    )
    return slices(
        evidence,
        "cider_d",
        examples,
        {"language": languages, "length": terciles(lengths, languages)},
        "Mean CIDEr-D of captions of real test pictures against all their references in the "
        "caption's language, documents counted within it; length is the references', in thirds",
    )


def _cider_d(
    judged: _Judged, scores: Scores | None, places: Sequence[int] | slice = slice(None)
) -> np.ndarray:
    """float64 [n] by caption, NaN but at `places`."""
    values = np.full(len(judged.said.rows), np.nan)
    if scores is not None:
        values[places] = scores.per_image()["cider_d"]
    return values
