"""Inputs, limits and results of the checks."""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import Any

from data.base.errors import DataError
from data.languages import HAN
from data.splits import MIN_SPLIT

_WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+(?:['’-][^\W_{HAN}]+)*")


@dataclass(frozen=True)
class Facts:
    """The facts about one picture that the checks need, without its pixels.

    Attributes:
      image_id, captions, languages, attributes: as in the example.
      content: hash of the picture's content.
      look: the bytes of a thumbnail, see `data.checking.near_duplicates`; empty if the picture
        cannot be decoded.
      where: the picture's place in its source, or "" if unknown.
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
        """The place in the source, for the user."""
        return self.where or self.image_id

    @functools.cached_property
    def folded(self) -> frozenset[str]:
        """The captions without differences in case, width, spaces and final punctuation."""
        return frozenset(map(fold, self.captions))


Splits = Mapping[str, Sequence[Facts]]


def everything(splits: Splits) -> Iterator[Facts]:
    """Yields the pictures of all splits."""
    for rows in splits.values():
        yield from rows


def fold(caption: str) -> str:
    """Normalises case, width, spaces and final punctuation of a caption."""
    plain = unicodedata.normalize("NFKC", caption).casefold()
    return re.sub(r"\s+", " ", plain).strip(" .。!")


def words(caption: str) -> list[str]:
    """Returns the case-folded words of a caption; a Han character counts as a word."""
    return _WORD.findall(caption.casefold())


_SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """A problem or a remarkable property of the data.

    Attributes:
      check: short name of the check.
      stops: whether this data must not be used for training.
      what: what was found, with numbers and an example.
      remedy: what the user can do.
      rows: the first places where it was found: `captions.jsonl:12`, or a picture's name.
    """

    check: str
    stops: bool
    what: str
    remedy: str
    rows: tuple[str, ...] = ()


def first_places(places: Iterable[str]) -> tuple[str, ...]:
    """Returns the first places, as many as a finding names."""
    return tuple(islice(places, _SHOWN))


@dataclass(frozen=True)
class CheckLimits:
    """Limits of the checks; shares are fractions from 0 to 1.

    Attributes:
      min_pictures: minimum number of pictures in each split.
      max_caption_share: of a split's pictures with the same caption.
      max_ambiguous_share: of pictures that share all their captions with others; beyond it, a
        warning.
      max_mislabelled_share: of captions whose script contradicts their language tag.
      max_similar_share: of val and test pictures that are similar to one of train, and of pictures
        that are similar to another one of their split; beyond it, a warning.
      min_agreement_lift: how many times more often captions must name attributes of their own
        picture than those of another one.
      max_value_share: of the pictures with a group of attributes that have the same value, if the
        group has several; beyond it, a warning.
      max_unknown_share: of words that a model's vocabulary lacks; beyond it, a warning.
      max_drift: between these data and those of the last blessed run, as L-infinity distance for
        categorical features and Jensen-Shannon divergence for numeric ones; beyond it, a finding.
      max_skew: the same between train and val or test.
      max_new_words: of words in these captions that those of the last blessed run lack.
      max_look_shift: of mean brightness, contrast or colourfulness from those of the last blessed
        run, in standard deviations over its pictures.
      stop_on_drift: whether drift, skew, new words and look shifts stop the run.
    """

    min_pictures: int = MIN_SPLIT
    max_caption_share: float = 0.2
    max_ambiguous_share: float = 0.5
    max_mislabelled_share: float = 0.05
    max_similar_share: float = 0.01
    min_agreement_lift: float = 1.1
    max_value_share: float = 0.95
    max_unknown_share: float = 0.1
    max_drift: float = 0.3
    max_skew: float = 0.3
    max_new_words: float = 0.1
    max_look_shift: float = 0.5
    stop_on_drift: bool = False

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value < 0 or (one.name.endswith("share") and value > 1):
                raise DataError(
                    f"gate limits: {one.name} = {value}", "it is out of range", "Shares are 0 to 1."
                )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> CheckLimits:
        """Reads plain values; raises DataError for an unknown key."""
        known = [one.name for one in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise DataError(
                "gate limits", f"{unknown[0]!r} is not known", f"Choose from {', '.join(known)}."
            )
        return cls(**values)

    def to_json(self) -> str:
        """Returns one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)


DEFAULT_LIMITS = CheckLimits()
