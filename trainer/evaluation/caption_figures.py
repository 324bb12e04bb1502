"""Scores of the captioner on real test pictures, by language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.evaluation.slices import FEWEST, Examples, slices, terciles
from trainer.evaluation.spoken import (
    ALL_REFERENCES,
    MOST_FREQUENT,
    NEAREST,
    RANDOM,
    Spoken,
    spoken,
)
from trainer.metrics.caption import (
    BLEU,
    Scores,
    measure,
    measure_people,
    measure_with_one_out,
)
from trainer.metrics.extras import Unavailable
from trainer.metrics.intervals import bootstrap_mean
from trainer.metrics.result import SLICE, Metric
from trainer.metrics.words import SEGMENTED, Split, split_of, word_split_of

NAMES = (*BLEU, "rouge_l", "cider_d")


@dataclass(frozen=True)
class _Judged:
    """Scores of one language's captions under one split, as `measure_with_one_out` gives them.

    Attributes:
      said: the captions as tokens joined by blanks.
      split: how they were split.
      own: the captioner's scores.
      rivals: those of the simple captioners, by name.
      people: those of people, by `measure_people`; None where some picture has one reference.
      usual: the captioner's figures against all references.
    """

    said: Spoken
    split: Split
    own: Scores
    rivals: dict[str, Scores]
    people: Scores | None
    usual: dict[str, float]


def scores(evidence: Evidence) -> list[Metric]:
    """BLEU-1..4, `rouge_l`, `cider_d` and what the latter gains over the most frequent caption, for
    every language that is spoken; slices of `cider_d`."""
    told = spoken(evidence)
    judged = [_judge(said, split_of(said.language)) for said in told]
    found = [metric for one in judged for metric in _scores(evidence, one)]
    for said in told:
        found += _of_several(evidence, said, split_of(said.language))
    return found + _slices(evidence, judged)


def by_word(evidence: Evidence) -> list[Metric]:
    """The same scores by word, of languages that set no blanks between words."""
    found = []
    for said in spoken(evidence):
        if said.language in SEGMENTED:
            try:
                split = word_split_of(said.language)
            except Unavailable as reason:
                raise NotMeasured(str(reason)) from None
            found += _scores(evidence, _judge(said, split)) + _of_several(evidence, said, split)
    return found


def _judge(said: Spoken, split: Split) -> _Judged:
    said = said.split(split)
    return _Judged(
        said=said,
        split=split,
        own=measure_with_one_out(said.candidates, said.references, False),
        rivals={
            name: measure_with_one_out(texts, said.references, False)
            for name, texts in said.rivals.items()
        },
        people=(
            measure_people(said.references, False)
            if len(said.several()) == len(said.rows)
            else None
        ),
        usual=measure(said.candidates, said.references, False).corpus(),
    )


def _of_several(evidence: Evidence, said: Spoken, split: Split) -> list[Metric]:
    """The scores of those pictures alone that have several references, where not all have: people
    can be scored on these."""
    places = said.several()
    if not FEWEST <= len(places) < len(said.rows):
        return []
    return _scores(evidence, _judge(said.at(places), split), f"{SLICE}references=several")


def _scores(evidence: Evidence, judged: _Judged, part: str = "") -> list[Metric]:
    seed, n = evidence.settings.seed, len(judged.said.rows)
    found = judged.own.intervals(seed)
    told = {name: scores.corpus() for name, scores in judged.rivals.items()}
    chance = told.pop(RANDOM, {})
    ceiling = judged.people.corpus() if judged.people else {}
    pictures = (
        f"Captions in '{judged.said.language}' of {n} of {len(evidence.records)} real test pictures"
    )
    several = len(judged.said.several())
    against = (
        "against all their references in that language but one, the mean over which is left out"
        if several
        else "against their one reference in that language"
    )
    if several and not ceiling:
        against += ", or against the only one"
    protocol = (
        f"{pictures} {against} ({ALL_REFERENCES}: against all), {judged.split.how}; chance is "
        "random training captions"
    )
    if ceiling:
        protocol += ", the ceiling people: each reference against the same others"
    metrics = [
        figure(
            evidence,
            f"{name}_{judged.split.name}{part}",
            found[name],
            f"{protocol}.",
            n=n,
            chance=chance.get(name),
            ceiling=ceiling.get(name),
            baselines={key: values[name] for key, values in told.items()},
            parts={ALL_REFERENCES: judged.usual[name]},
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
                f"gain_cider_d_{judged.split.name}{part}",
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
        ceiling=np.concatenate([_cider_d(one, one.people) for one in judged]),
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


def _cider_d(judged: _Judged, scores: Scores | None) -> np.ndarray:
    """float64 [n] by caption, NaN without scores."""
    if scores is None:
        return np.full(len(judged.said.rows), np.nan)
    return scores.per_image()["cider_d"]
