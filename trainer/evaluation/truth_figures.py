"""Whether what the captioner says of real test pictures is true, by an exact check."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.languages import captions_in
from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.evaluation.slices import Examples, slices, terciles
from trainer.evaluation.spoken import MOST_FREQUENT, NEAREST, rivals
from trainer.metrics.intervals import share
from trainer.metrics.result import Metric
from trainer.metrics.words import split_of


def truth(evidence: Evidence) -> list[Metric]:
    """`caption_truth`: captions that are right in all that they say and must say; its slices."""
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
            name: right(told, languages, rows) for name, told in _told(evidence, languages, rows)
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


def _told(
    evidence: Evidence, languages: Sequence[str], rows: Sequence[int]
) -> list[tuple[str, list[str]]]:
    """What the simple captioners say of each picture in each language; "" where they are dumb."""
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
    """By the mean length of what people say of each picture in each language."""
    lengths = []
    for language, row in zip(languages, rows, strict=True):
        record, split = evidence.records[row], split_of(language)
        texts = captions_in(language, record.captions, record.languages)
        tokens = [len(split.tokenise(text)) for text in texts]
        lengths.append(sum(tokens) / len(tokens) if tokens else float("nan"))
    return terciles(lengths, languages)
