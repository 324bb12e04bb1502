"""Metrics of the captioner on real test pictures: scores, caption truth, diversity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from data.languages import captions_in
from trainer.evaluation.figures import figure
from trainer.evaluation.inputs import Evidence, NotMeasured
from trainer.evaluation.slices import FEWEST, Examples, slices, terciles
from trainer.metrics import captions as caption_scores
from trainer.metrics import java
from trainer.metrics.captions import (
    BLEU,
    Scores,
    Tokens,
    measure,
    measure_people,
    measure_with_one_out,
)
from trainer.metrics.intervals import Estimate, bootstrap_mean, bootstrap_ratio, share
from trainer.metrics.result import SLICE, Metric
from trainer.metrics.tokens import SEGMENTED, UNSPACED, Split, Unavailable, split_of, word_split_of

# Captions of the test pictures by the captioner, baselines and humans, by language.


# Names of the baseline captioners.
RANDOM = "random_training_caption"
MOST_FREQUENT = "most_frequent_caption"
NEAREST = "nearest_training_image"
# The part of a caption metric that is measured against all references, as papers do.
ALL_REFERENCES = "all_references"


@dataclass(frozen=True)
class Spoken:
    """Captions of n pictures in one language.

    Attributes:
      language: its primary subtag.
      rows: rows of the pictures in `Evidence.records`.
      candidates: the captioner's captions.
      references: the human captions, one or more of each picture.
      training: all captions of training pictures in this language.
      rivals: the captions of `RANDOM`, `MOST_FREQUENT` and `NEAREST`; {} without `training`.
    """

    language: str
    rows: list[int]
    candidates: list[str]
    references: list[list[str]]
    training: list[str]
    rivals: dict[str, list[str]]

    def split(self, split: Split) -> Spoken:
        """Returns a copy in which every caption except `training` is its tokens joined by
        spaces."""

        def joined(texts: Sequence[str]) -> list[str]:
            return [" ".join(split.tokenise(text)) for text in texts]

        return replace(
            self,
            candidates=joined(self.candidates),
            references=[joined(texts) for texts in self.references],
            rivals={name: joined(texts) for name, texts in self.rivals.items()},
        )

    def several(self) -> list[int]:
        """Indices of the pictures with two or more references."""
        return [place for place, texts in enumerate(self.references) if len(texts) > 1]

    def at(self, places: Sequence[int]) -> Spoken:
        """Returns a copy with only the pictures at the indices `places`."""
        return replace(
            self,
            rows=[self.rows[place] for place in places],
            candidates=[self.candidates[place] for place in places],
            references=[self.references[place] for place in places],
            rivals={
                name: [texts[place] for place in places] for name, texts in self.rivals.items()
            },
        )

    def one_out(self, seed: int) -> tuple[list[str], list[list[str]]]:
        """A random reference of each picture as a human candidate, and the picture's other
        references. If there is only one, it is both."""
        rng = np.random.default_rng(seed)
        drawn = [int(rng.integers(len(texts))) for texts in self.references]
        pairs = list(zip(drawn, self.references, strict=True))
        return (
            [texts[place] for place, texts in pairs],
            [texts[:place] + texts[place + 1 :] or texts for place, texts in pairs],
        )


def spoken(evidence: Evidence) -> list[Spoken]:
    """By language, the captions of the test pictures with references in that language.

    Raises:
      NotMeasured: there is no captioner, or no language with two such pictures.
    """
    if evidence.captions is None:
        raise NotMeasured("there is no captioner")
    found: dict[str, dict[int, tuple[str, list[str]]]] = {}
    for row, tag, caption in evidence.captions:
        record = evidence.records[row]
        references = captions_in(tag, record.captions, record.languages)
        if references:
            found.setdefault(tag, {})[row] = (caption, references)
    several = {tag: said for tag, said in sorted(found.items()) if len(said) > 1}
    if not several:
        raise NotMeasured("no generated caption is in a language of its picture's references")
    return [_spoken(evidence, tag, said) for tag, said in several.items()]


def _spoken(evidence: Evidence, language: str, said: dict[int, tuple[str, list[str]]]) -> Spoken:
    rows = list(said)
    return Spoken(
        language=language,
        rows=rows,
        candidates=[caption for caption, _ in said.values()],
        references=[references for _, references in said.values()],
        training=[caption for told in _told(evidence, language) for caption in told],
        rivals=rivals(evidence, language, rows),
    )


def rivals(evidence: Evidence, language: str, rows: Sequence[int]) -> dict[str, list[str]]:
    """Captions of the baseline captioners for the test pictures in `rows`, by name.

    `NEAREST` is the first caption, in the language, of the training picture with the nearest
    embedding, or the most frequent caption if that picture has none. The result is {} if no
    training picture has a caption in the language.
    """
    told = _told(evidence, language)
    pool = [caption for captions in told for caption in captions]
    if not pool:
        return {}
    rng = np.random.default_rng(evidence.settings.seed)
    usual = Counter(pool).most_common(1)[0][0]
    nearest = nearest_training(evidence)
    return {
        RANDOM: [pool[index] for index in rng.integers(len(pool), size=len(rows))],
        MOST_FREQUENT: [usual] * len(rows),
        NEAREST: [(told[nearest[row]] or [usual])[0] for row in rows],
    }


def nearest_training(evidence: Evidence) -> np.ndarray:
    """int64 [N]: for each test picture, the training picture with the nearest embedding."""
    return (evidence.real.embedding @ evidence.training.embedding.T).argmax(1)


def _told(evidence: Evidence, language: str) -> list[list[str]]:
    """The captions of each training picture in a language."""
    return [
        captions_in(language, record.captions, record.languages)
        for record in evidence.training.records
    ]


# Scores of the captioner on real test pictures, by language.


NAMES = (*BLEU, "rouge_l", "cider_d")


@dataclass(frozen=True)
class _Judged:
    """Scores of one language's captions under one tokenisation, by `measure_with_one_out`.

    Attributes:
      said: the captions as tokens joined by spaces.
      split: the tokenisation.
      own: the captioner's scores.
      rivals: the baselines' scores, by name.
      people: human scores, by `measure_people`; None if some picture has only one reference.
      usual: the captioner's scores against all references.
    """

    said: Spoken
    split: Split
    own: Scores
    rivals: dict[str, Scores]
    people: Scores | None
    usual: dict[str, float]


def scores(evidence: Evidence) -> list[Metric]:
    """BLEU-1..4, `rouge_l`, `cider_d` and its gain over the most frequent caption, for every
    language; and slices of `cider_d`."""
    told = spoken(evidence)
    judged = [_judge(said, split_of(said.language)) for said in told]
    found = [metric for one in judged for metric in _scores(evidence, one)]
    for said in told:
        found += _of_several(evidence, said, split_of(said.language))
    return found + _slices(evidence, judged)


def by_word(evidence: Evidence) -> list[Metric]:
    """The same scores by word, for languages without spaces that can be segmented."""
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
    """If only some pictures have several references, the scores of these: only they have human
    scores."""
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
    """CIDEr-D of each caption, float64 [n]; NaN without scores."""
    if scores is None:
        return np.full(len(judged.said.rows), np.nan)
    return scores.per_image()["cider_d"]


# METEOR and SPICE of English captions, if Java is available.


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


# Truth of captions of real test pictures, by an exact check.


def truth(evidence: Evidence) -> list[Metric]:
    """`caption_truth` and its slices: all statements are true and nothing is missing."""
    if evidence.captions is None:
        raise NotMeasured("there is no captioner")
    check = evidence.check
    if check is None:
        raise NotMeasured("no exact check is named in the settings")

    said, records = evidence.captions, evidence.records

    def right(texts: Sequence[str], languages: Sequence[str], rows: Sequence[int]) -> np.ndarray:
        return np.array(
            [
                float(check.is_right(text, language, records[row].attributes))
                for text, language, row in zip(texts, languages, rows, strict=True)
            ]
        )

    languages, rows = [one.language for one in said], [one.row for one in said]
    seed, everyone = evidence.settings.seed, range(len(records))
    other = np.random.default_rng(seed).permutation(len(records))
    texts = [one.text for one in said]
    chance = right(texts, languages, other[rows].tolist())
    examples = Examples(
        rows=np.array(rows),
        value=right(texts, languages, rows),
        chance=chance,
        baselines={
            name: right(told, languages, rows) for name, told in _told_by(evidence, languages, rows)
        },
    )

    def by_picture(values: np.ndarray) -> np.ndarray:
        return np.bincount(rows, values) / np.bincount(rows)

    protocol = (
        "Share of captions of real test pictures, one in each language that it can be asked for, "
        "in which every claimed attribute is true and colour and shape of every object, and the "
        "relation or count, are named; chance is captions of other pictures"
    )
    tags = np.array(languages)
    return [
        figure(
            evidence,
            "caption_truth",
            share(by_picture(examples.value), seed=seed),
            f"{protocol}, the ceiling the pictures' own captions.",
            n=len(records),
            chance=float(by_picture(chance).mean()),
            ceiling=float(
                right(evidence.prompts.texts, evidence.prompts.languages, everyone).mean()
            ),
            baselines={
                name: float(by_picture(values).mean())
                for name, values in examples.baselines.items()
            },
            parts={tag: float(examples.value[tags == tag].mean()) for tag in sorted(set(tags))},
        ),
        *slices(
            evidence,
            "caption_truth",
            examples,
            {"language": languages, "length": _length_terciles(evidence, languages, rows)},
            protocol,
            share,
        ),
    ]


def _told_by(
    evidence: Evidence, languages: Sequence[str], rows: Sequence[int]
) -> list[tuple[str, list[str]]]:
    """The baselines' captions of each picture in its language; "" where they have none."""
    found = {name: [""] * len(rows) for name in (MOST_FREQUENT, NEAREST)}
    for language in set(languages):
        places = [place for place, tag in enumerate(languages) if tag == language]
        told = rivals(evidence, language, [rows[place] for place in places])
        for name in found.keys() & told.keys():
            for place, text in zip(places, told[name], strict=True):
                found[name][place] = text
    return sorted(found.items())


def _length_terciles(
    evidence: Evidence, languages: Sequence[str], rows: Sequence[int]
) -> list[str]:
    """Terciles of the mean length of the references of each picture in its language."""
    lengths = []
    for language, row in zip(languages, rows, strict=True):
        record, split = evidence.records[row], split_of(language)
        texts = captions_in(language, record.captions, record.languages)
        tokens = [len(split.tokenise(text)) for text in texts]
        lengths.append(sum(tokens) / len(tokens) if tokens else float("nan"))
    return terciles(lengths, languages)


# Diversity of captions.


# Length in tokens of the n-grams that count as repetition: about two words.
RUN, RUN_OF_CHARACTERS = 2, 4

Measure = Callable[[Sequence[Tokens]], Estimate]


def figures(evidence: Evidence) -> list[Metric]:
    """`distinct1`, `distinct2`, `distinct_captions`, `novel_captions`, `vocabulary_used`,
    `repetition` and `length_ratio` for every language; for Chinese also by word, if the segmenter
    is installed."""
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
    """Metrics under one tokenisation; with `whole`, also those that compare whole captions."""
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
    """The direction of a metric; None for `novel_captions`, which can be too high or too low."""
    return None if name == "novel_captions" else not name.startswith("repetition")


def _captions(
    said: Spoken, split: Split
) -> tuple[list[Tokens], list[Tokens], dict[str, list[Tokens]]]:
    """Tokens of the captioner's captions, of the first references, and of the baselines'
    captions."""

    def tokens(texts: Sequence[str]) -> list[Tokens]:
        return [split.tokenise(text) for text in texts]

    rivals = {name: tokens(texts) for name, texts in said.rivals.items() if name != RANDOM}
    return tokens(said.candidates), tokens([texts[0] for texts in said.references]), rivals


def _measures(training: Sequence[Tokens], run: int, seed: int) -> dict[str, tuple[str, Measure]]:
    """Token metrics by name: a phrase for the protocol and the function."""
    vocabulary = frozenset(token for caption in training for token in caption)
    return {
        "distinct1": (
            "Distinct tokens over all tokens",
            partial(caption_scores.distinct, n=1, seed=seed),
        ),
        "distinct2": (
            "Distinct pairs of neighbouring tokens over all pairs",
            partial(caption_scores.distinct, n=2, seed=seed),
        ),
        "vocabulary_used": (
            f"Share of the {len(vocabulary)} tokens of training captions that occur in some",
            partial(caption_scores.vocabulary_used, vocabulary=vocabulary, seed=seed),
        ),
        f"repetition{run}": (
            f"Share with {run} tokens in a row that come twice,",
            lambda captions: share(caption_scores.repeats(captions, run), seed=seed),
        ),
    }


def _whole_measures(training: Sequence[Tokens], seed: int) -> Mapping[str, tuple[str, Measure]]:
    """Metrics of whole captions by name: a phrase for the protocol and the function."""
    known = {tuple(caption) for caption in training}
    return {
        "distinct_captions": (
            "Share of captions that differ from one another,",
            partial(caption_scores.distinct_captions, seed=seed),
        ),
        "novel_captions": (
            f"Share that is none of the {len(known)} different training captions,",
            lambda captions: share(caption_scores.novel(captions, known), seed=seed),
        ),
    }


def _length(evidence: Evidence, said: Spoken, split: Split, about: str) -> Metric:
    """`length_ratio`: the target is 1."""
    candidates, people, rivals = _captions(said, split)
    asked = np.array(
        [
            caption_scores.lengths([split.tokenise(text) for text in texts]).mean()
            for texts in said.references
        ]
    )

    def ratio(captions: Sequence[Tokens]) -> Estimate:
        return bootstrap_ratio(caption_scores.lengths(captions), asked, seed=evidence.settings.seed)

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
            "tokens": float(caption_scores.lengths(candidates).mean()),
            "reference_tokens": float(asked.mean()),
        },
    )
