"""What the checks remember of each picture: little enough for a large data set."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from data.languages import HAN

_WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+(?:['’-][^\W_{HAN}]+)*")


@dataclass(frozen=True)
class Facts:
    """One picture without its pixels.

    Attributes:
      image_id, captions, languages, attributes: as in the example.
      content: digest of what the picture is.
      look: the bytes of a thumbnail, see `data.checking.looks`; empty when the picture cannot be
        decoded.
      where: the picture's place in its source, or nothing where it is not known.
    """

    image_id: str
    captions: tuple[str, ...]
    languages: tuple[str, ...]
    attributes: tuple[str, ...]
    content: bytes
    look: bytes
    where: str = ""

    @property
    def place(self) -> str:
        """What a person can look up."""
        return self.where or self.image_id

    @functools.cached_property
    def folded(self) -> frozenset[str]:
        """The captions, equal where they differ in case, width, blanks and end marks only."""
        return frozenset(map(fold, self.captions))


Splits = Mapping[str, Sequence[Facts]]


def everything(splits: Splits) -> Iterator[Facts]:
    """Yields the pictures of all splits."""
    for rows in splits.values():
        yield from rows


def fold(caption: str) -> str:
    """Returns `caption` without what does not change its meaning."""
    plain = unicodedata.normalize("NFKC", caption).casefold()
    return re.sub(r"\s+", " ", plain).strip(" .。!")


def words(caption: str) -> list[str]:
    """Returns the words of a caption, case folded; a Han character counts as a word."""
    return _WORD.findall(caption.casefold())
