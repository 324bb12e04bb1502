"""What the captioner, simple rivals and people say of the judged pictures, by language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.languages import captions_in
from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.metrics.words import Split

# Captioners that a captioner has to beat, by the names of their baselines.
RANDOM = "random_training_caption"
MOST_FREQUENT = "most_frequent_caption"
NEAREST = "nearest_training_image"
# The part of a caption figure that is measured as papers do, against all references.
ALL_REFERENCES = "all_references"


@dataclass(frozen=True)
class Spoken:
    """Captions of n pictures in one language.

    Attributes:
      language: its primary subtag.
      rows: places of the pictures in `Evidence.records`.
      candidates: what the captioner says.
      references: what people say, one or more captions each.
      training: all captions of training pictures in this language.
      rivals: by name, what `RANDOM`, `MOST_FREQUENT` and `NEAREST` say; {} without `training`.
    """

    language: str
    rows: list[int]
    candidates: list[str]
    references: list[list[str]]
    training: list[str]
    rivals: dict[str, list[str]]

    def split(self, split: Split) -> Spoken:
        """The same, but every caption (`training` apart) as its tokens joined by blanks."""

        def joined(texts: Sequence[str]) -> list[str]:
            return [" ".join(split.tokenise(text)) for text in texts]

        return replace(
            self,
            candidates=joined(self.candidates),
            references=[joined(texts) for texts in self.references],
            rivals={name: joined(texts) for name, texts in self.rivals.items()},
        )

    def several(self) -> list[int]:
        """Places of the pictures with two references or more."""
        return [place for place, texts in enumerate(self.references) if len(texts) > 1]

    def at(self, places: Sequence[int]) -> Spoken:
        """What is said of the pictures at `places`."""
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
        """One reference of each picture, drawn by `seed`, and the others: a person's caption and
        what it is judged against. A picture's only reference is both."""
        rng = np.random.default_rng(seed)
        drawn = [int(rng.integers(len(texts))) for texts in self.references]
        pairs = list(zip(drawn, self.references, strict=True))
        return (
            [texts[place] for place, texts in pairs],
            [texts[:place] + texts[place + 1 :] or texts for place, texts in pairs],
        )


def spoken(evidence: Evidence) -> list[Spoken]:
    """By language, the captions of those test pictures that have references in it.

    Raises:
      NotMeasured: there is no captioner, or no language in which two pictures can be judged.
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
    """What simple captioners say in a language of the test pictures in `rows`, by name.

    `NEAREST` says the first caption of the training picture that the encoder finds most alike, or
    the most frequent caption where that one has none in the language. {} where no training picture
    is described in it.
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
    """int [N]: of each test picture, the training picture with the closest embedding."""
    return (evidence.real.embedding @ evidence.training.embedding.T).argmax(1)


def _told(evidence: Evidence, language: str) -> list[list[str]]:
    """Captions in a language of each training picture."""
    return [
        captions_in(language, record.captions, record.languages)
        for record in evidence.training.records
    ]
