"""Languages of captions, by the primary subtag of their BCP-47 tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

UNDETERMINED = "und"
# Han characters, as ranges for a class of the graph's regular expressions and of Python's.
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"


def primary(language: str) -> str:
    """The primary subtag: `zh` of `zh-Hans-CN`."""
    return language.partition("-")[0].lower()


def spoken(tags: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Primary subtags of several pictures' captions, the most frequent first, `und` if none."""
    counts = Counter(primary(tag) for several in tags for tag in several)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(tag for tag, _ in ranked) or (UNDETERMINED,)


def language_numbers(
    tags: Sequence[Sequence[str]], languages: Sequence[str], captions: int
) -> np.ndarray:
    """Numbers the languages of N pictures' captions.

    Args:
      tags: of each picture, the BCP-47 tags of its captions.
      languages: what to count in, see `spoken`.
      captions: columns of the answer.

    Returns:
      int32 [N, captions] places in `languages`; 0 where a tag is missing or of another language.
    """
    place = {tag: index for index, tag in enumerate(languages)}
    numbers = np.zeros((len(tags), captions), np.int32)
    for row, several in zip(numbers, tags, strict=True):
        known = [place.get(primary(tag), 0) for tag in several[:captions]]
        row[: len(known)] = known
    return numbers


def captions_in(language: str, captions: Sequence[str], tags: Sequence[str]) -> list[str]:
    """Those of one picture's captions whose tags have the primary subtag `language`."""
    return [text for text, tag in zip(captions, tags, strict=True) if primary(tag) == language]
