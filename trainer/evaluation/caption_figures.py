"""The captioner on real test pictures: scores by language, truth of what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from data.languages import captions_in
from trainer.evaluation.described import Described
from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.metrics.caption import UNSPACED, score, score_intervals, tokenizer_of
from trainer.metrics.intervals import bootstrap_mean
from trainer.metrics.result import Metric

NAMES = ("bleu1", "bleu4", "rouge_l", "cider_d")


@dataclass(frozen=True)
class _Language:
    """Rows of one language: indices of pictures, their captions and references."""

    tag: str
    rows: list[int]
    candidates: list[str]
    references: list[list[str]]

    @property
    def suffix(self) -> str:
        return f"{self.tag}_char" if self.tag in UNSPACED else self.tag

    @property
    def tokenize(self) -> bool | Callable[[str], Sequence[str]]:
        return tokenizer_of(self.tag)


def scores(evidence: Evidence) -> list[Metric]:
    """`bleu1`, `bleu4`, `rouge_l` and `cider_d`, each for every language that is spoken."""
    if evidence.captions is None:
        raise NotMeasured("there is no captioner")
    nearest = (evidence.real.embedding @ evidence.training.embedding.T).argmax(1)
    metrics = []
    for language in _languages(evidence, evidence.captions):
        metrics += _scores(evidence, language, nearest)
    if not metrics:
        raise NotMeasured("no generated caption is in a language of its picture's references")
    return metrics


def truth(evidence: Evidence) -> list[Metric]:
    """`caption_truth`: captions that are right in all that they say and must say."""
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

    texts, languages = [one.text for one in said], [one.language for one in said]
    rows = [one.row for one in said]
    seed, everyone = evidence.settings.seed, range(len(records))
    true = right(texts, languages, rows)
    by_picture = np.bincount(rows, true) / np.bincount(rows)
    nearest = (evidence.real.embedding @ evidence.training.embedding.T).argmax(1)
    neighbours = [evidence.training.records[index] for index in nearest]
    other = np.random.default_rng(seed).permutation(len(records))
    return [
        figure(
            evidence,
            "caption_truth",
            bootstrap_mean(by_picture, seed=seed),
            "Share of captions of real test pictures, one in each language that it can be asked "
            "for, in which every claimed attribute is true and colour and shape of every object, "
            "and the relation or count, are named; chance is captions of other pictures, the "
            "ceiling the pictures' own captions.",
            n=len(records),
            chance=float(right(texts, languages, other[rows].tolist()).mean()),
            ceiling=float(
                right(evidence.prompts.texts, evidence.prompts.languages, everyone).mean()
            ),
            baselines={
                "nearest_training_image": float(
                    right(
                        [record.captions[0] for record in neighbours],
                        [record.languages[0] for record in neighbours],
                        everyone,
                    ).mean()
                )
            },
            parts={
                tag: float(true[np.array(languages) == tag].mean())
                for tag in sorted(set(languages))
            },
        )
    ]


def _languages(evidence: Evidence, captions: Sequence[Described]) -> list[_Language]:
    """By language, the captions of those pictures that have references in it."""
    found: dict[str, _Language] = {}
    for row, tag, caption in captions:
        record = evidence.records[row]
        references = captions_in(tag, record.captions, record.languages)
        if references:
            language = found.setdefault(tag, _Language(tag, [], [], []))
            language.rows.append(row)
            language.candidates.append(caption)
            language.references.append(references)
    return [found[tag] for tag in sorted(found) if len(found[tag].rows) > 1]


def _scores(evidence: Evidence, language: _Language, nearest: np.ndarray) -> list[Metric]:
    seed, n = evidence.settings.seed, len(language.rows)
    found = score_intervals(language.candidates, language.references, language.tokenize, seed=seed)
    chance, baselines = _others(evidence, language, nearest)
    ceiling = _person(language)
    how = (
        "Han characters and other words"
        if language.suffix != language.tag
        else "Penn-Treebank-like tokens, lower case, no punctuation"
    )
    return [
        figure(
            evidence,
            f"{name}_{language.suffix}",
            found[name],
            f"Captions in '{language.tag}' of {n} of {len(evidence.records)} real test pictures "
            f"against all their references in that language, {how}; chance is random training "
            "captions, the ceiling one reference against the others.",
            n=n,
            chance=chance.get(name),
            ceiling=ceiling.get(name),
            baselines={key: values[name] for key, values in baselines.items()},
        )
        for name in NAMES
    ]


def _others(
    evidence: Evidence, language: _Language, nearest: np.ndarray
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Scores of random training captions, and of the simple captioners."""
    pool = [
        captions_in(language.tag, record.captions, record.languages)
        for record in evidence.training.records
    ]
    told = [caption for captions in pool for caption in captions]
    if not told:
        return {}, {}

    def of(candidates: Sequence[str]) -> dict[str, float]:
        return score(candidates, language.references, language.tokenize)

    rng = np.random.default_rng(evidence.settings.seed)
    usual = Counter(told).most_common(1)[0][0]
    n = len(language.rows)
    neighbours = [(pool[nearest[row]] or [usual])[0] for row in language.rows]
    return of([told[index] for index in rng.integers(len(told), size=n)]), {
        "most_frequent_training_caption": of([usual] * n),
        "nearest_training_image": of(neighbours),
    }


def _person(language: _Language) -> dict[str, float]:
    """Each picture's last reference against its others; {} without several references."""
    several = [texts for texts in language.references if len(texts) > 1]
    if len(several) < 2:
        return {}
    return score(
        [texts[-1] for texts in several], [texts[:-1] for texts in several], language.tokenize
    )
