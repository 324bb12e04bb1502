"""Whether the captioner says different things of different pictures, and its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from trainer.evaluation.evidence import Evidence
from trainer.evaluation.figures import figure
from trainer.evaluation.spoken import RANDOM, Spoken, spoken
from trainer.metrics import variety
from trainer.metrics.bleu import Tokens
from trainer.metrics.extras import Unavailable
from trainer.metrics.intervals import Estimate, bootstrap_ratio, share
from trainer.metrics.result import Metric
from trainer.metrics.words import SEGMENTED, UNSPACED, Split, split_of, word_split_of

# Tokens of a run that is noticed when it comes twice: about two words.
RUN, RUN_OF_CHARACTERS = 2, 4

Measure = Callable[[Sequence[Tokens]], Estimate]


def figures(evidence: Evidence) -> list[Metric]:
    """`distinct1`, `distinct2`, `distinct_captions`, `novel_captions`, `vocabulary_used`,
    `repetition` and `length_ratio` for every language that is spoken; of Chinese those that depend
    on words once more by word, where it can be segmented."""
    metrics = []
    for said in spoken(evidence):
        run = RUN_OF_CHARACTERS if said.language in UNSPACED else RUN
        metrics += _figures(evidence, said, split_of(said.language), run, True)
        if said.language in SEGMENTED:
            try:
                split = word_split_of(said.language)
            except Unavailable:
                continue
            metrics += _figures(evidence, said, split, RUN, False)
    return metrics


def _figures(evidence: Evidence, said: Spoken, split: Split, run: int, whole: bool) -> list[Metric]:
    """Figures under one split; those that compare `whole` captions only if asked."""
    candidates, people, rivals = _captions(said, split)
    training = [split.tokenise(text) for text in said.training]
    n, seed = len(candidates), evidence.settings.seed
    about = (
        f"captions in '{said.language}' of {n} of {len(evidence.records)} real test pictures; "
        f"{split.how}; the ceiling is what people say of the same pictures, one caption each."
    )
    measures = _measures(training, run, seed)
    if whole:
        measures |= _whole_measures(training, seed)
    metrics = [
        figure(
            evidence,
            f"{name}_{split.name}",
            measure(candidates),
            f"{what} of {about}",
            n=n,
            ceiling=measure(people).value,
            higher_is_better=_better(name),
            baselines={rival: measure(told).value for rival, told in rivals.items()},
        )
        for name, (what, measure) in measures.items()
    ]
    return [*metrics, _length(evidence, said, split, about)]


def _better(name: str) -> bool | None:
    """The direction of a figure: captions can be too much their own as well as too little."""
    return None if name == "novel_captions" else not name.startswith("repetition")


def _captions(
    said: Spoken, split: Split
) -> tuple[list[Tokens], list[Tokens], dict[str, list[Tokens]]]:
    """Tokens of the captioner's captions, of people's first ones, and of simple captioners'."""

    def tokens(texts: Sequence[str]) -> list[Tokens]:
        return [split.tokenise(text) for text in texts]

    rivals = {name: tokens(texts) for name, texts in said.rivals.items() if name != RANDOM}
    return tokens(said.candidates), tokens([texts[0] for texts in said.references]), rivals


def _measures(training: Sequence[Tokens], run: int, seed: int) -> dict[str, tuple[str, Measure]]:
    """By name, what is measured and how, token by token."""
    vocabulary = frozenset(token for caption in training for token in caption)
    return {
        "distinct1": ("Distinct tokens over all tokens", partial(variety.distinct, n=1, seed=seed)),
        "distinct2": (
            "Distinct pairs of neighbouring tokens over all pairs",
            partial(variety.distinct, n=2, seed=seed),
        ),
        "vocabulary_used": (
            f"Share of the {len(vocabulary)} tokens of training captions that occur in some",
            partial(variety.vocabulary_used, vocabulary=vocabulary, seed=seed),
        ),
        f"repetition{run}": (
            f"Share with {run} tokens in a row that come twice,",
            lambda captions: share(variety.repeats(captions, run), seed=seed),
        ),
    }


def _whole_measures(training: Sequence[Tokens], seed: int) -> Mapping[str, tuple[str, Measure]]:
    """The same of whole captions."""
    known = {tuple(caption) for caption in training}
    return {
        "distinct_captions": (
            "Share of captions that differ from one another,",
            partial(variety.distinct_captions, seed=seed),
        ),
        "novel_captions": (
            f"Share that is none of the {len(known)} different training captions,",
            lambda captions: share(variety.novel(captions, known), seed=seed),
        ),
    }


def _length(evidence: Evidence, said: Spoken, split: Split, about: str) -> Metric:
    """`length_ratio`: 1 is the aim, from either side."""
    candidates, people, rivals = _captions(said, split)
    asked = np.array(
        [
            variety.lengths([split.tokenise(text) for text in texts]).mean()
            for texts in said.references
        ]
    )

    def ratio(captions: Sequence[Tokens]) -> Estimate:
        return bootstrap_ratio(variety.lengths(captions), asked, seed=evidence.settings.seed)

    return figure(
        evidence,
        f"length_ratio_{split.name}",
        ratio(candidates),
        f"Tokens over the mean tokens of the references, 1 is the aim, of {about}",
        n=len(candidates),
        ceiling=ratio(people).value,
        higher_is_better=None,
        baselines={name: ratio(told).value for name, told in rivals.items()},
        parts={
            "tokens": float(variety.lengths(candidates).mean()),
            "reference_tokens": float(asked.mean()),
        },
    )
