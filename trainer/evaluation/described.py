"""What a captioner says of pictures, in each language that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trainer.evaluation.mentions import language_of
from trainer.evaluation.served import ServedCaptioner


class Described(NamedTuple):
    """One caption of the picture in `row`; `language` is a primary subtag."""

    row: int
    language: str
    text: str


def describe(
    captioner: ServedCaptioner,
    pictures: Sequence[bytes],
    spoken: Sequence[Sequence[str]],
    wanted: Sequence[Sequence[str]],
) -> list[Described]:
    """Captions each of N pictures once in every wanted language that the captioner knows.

    A picture for which it knows none gets one caption in the captioner's first language. A
    captioner that takes no wishes gives one caption a picture, whose language is guessed.

    Args:
      captioner: says the captions.
      pictures: N PNG or JPEG files.
      spoken: languages that the captions of each picture may be in, for the guess.
      wanted: languages to ask for, of each picture.

    Returns:
      The captions, by picture.
    """
    if not captioner.languages:
        texts = captioner(pictures)
        return [Described(i, language_of(text, spoken[i]), text) for i, text in enumerate(texts)]
    first, said = captioner.languages[0], []
    for language in captioner.languages:
        rows = [
            row
            for row, tags in enumerate(wanted)
            if language in tags or (language == first and not set(tags) & set(captioner.languages))
        ]
        texts = captioner([pictures[row] for row in rows], language) if rows else []
        said += [Described(row, language, text) for row, text in zip(rows, texts, strict=True)]
    return sorted(said, key=lambda one: one.row)


def one_each(said: Sequence[Described], wanted: Sequence[str]) -> list[Described]:
    """Of each picture the caption in its wanted language, or the first where there is none."""
    found: dict[int, Described] = {}
    for one in said:
        if one.row not in found or one.language == wanted[one.row]:
            found[one.row] = one
    return [found[row] for row in range(len(wanted))]
