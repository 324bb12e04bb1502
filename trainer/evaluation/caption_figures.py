"""The captioner on real test pictures: scores by language, truth of what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from data.schema import CaptionedImage
from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.evaluation.mentions import language_of, primary
from trainer.metrics.caption import by_character, score, score_intervals
from trainer.metrics.intervals import bootstrap_mean
from trainer.metrics.result import Metric

NAMES = ("bleu1", "bleu4", "rouge_l", "cider_d")
_UNSPACED = ("zh", "ja")


@dataclass(frozen=True)
class _Language:
    """Rows of one language: indices of pictures, their captions and references."""

    tag: str
    rows: list[int]
    candidates: list[str]
    references: list[list[str]]

    @property
    def suffix(self) -> str:
        return f"{self.tag}_char" if self.tag in _UNSPACED else self.tag

    @property
    def tokenize(self) -> bool | Callable[[str], Sequence[str]]:
        return by_character if self.tag in _UNSPACED else True


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

    def right(captions: Sequence[str]) -> np.ndarray:
        return np.array(
            [
                check.is_right(caption, language_of(caption, _tags(record)), record.attributes)
                for caption, record in zip(captions, evidence.records, strict=True)
            ]
        )

    seed = evidence.settings.seed
    nearest = (evidence.real.embedding @ evidence.training.embedding.T).argmax(1)
    neighbours = [evidence.training.records[index].captions[0] for index in nearest]
    other = np.random.default_rng(seed).permutation(len(evidence.captions))
    return [
        figure(
            evidence,
            "caption_truth",
            bootstrap_mean(right(evidence.captions), seed=seed),
            "Share of captions of real test pictures in which every claimed attribute is true and "
            "colour and shape of every object, and the relation or count, are named; chance is "
            "captions of other pictures, the ceiling the pictures' own captions.",
            n=len(evidence.captions),
            chance=float(right([evidence.captions[row] for row in other]).mean()),
            ceiling=float(right(evidence.prompts.texts).mean()),
            baselines={"nearest_training_image": float(right(neighbours).mean())},
        )
    ]


def _languages(evidence: Evidence, captions: Sequence[str]) -> list[_Language]:
    found: dict[str, _Language] = {}
    for row, (caption, record) in enumerate(zip(captions, evidence.records, strict=True)):
        tag = language_of(caption, _tags(record))
        language = found.setdefault(tag, _Language(tag, [], [], []))
        language.rows.append(row)
        language.candidates.append(caption)
        language.references.append(_captions_in(record, tag))
    return [found[tag] for tag in sorted(found) if len(found[tag].rows) > 1]


def _tags(record: CaptionedImage) -> list[str]:
    return [primary(tag) for tag in record.languages]


def _captions_in(record: CaptionedImage, tag: str) -> list[str]:
    return [
        caption
        for caption, language in zip(record.captions, record.languages, strict=True)
        if primary(language) == tag
    ]


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
            f"Captions of {n} of {len(evidence.records)} real test pictures (those captioned in "
            f"'{language.tag}') against all their references in that language, {how}; chance is "
            "random training captions, the ceiling one reference against the others.",
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
    pool = [_captions_in(record, language.tag) for record in evidence.training.records]
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
