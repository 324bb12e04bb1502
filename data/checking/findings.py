"""What the checks remember of each picture, what they allow, and what they say."""

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
    """One picture without its pixels.

    Attributes:
      image_id, captions, languages, attributes: as in the example.
      content: digest of what the picture is.
      look: the bytes of a thumbnail, see `data.checking.near_duplicates`; empty when the picture
        cannot be decoded.
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


_SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """Something a person should know of the data.

    Attributes:
      check: short name of the check.
      stops: whether nothing should be trained on this data.
      what: what was found, with figures and an example.
      remedy: what a person can do.
      rows: where it was found, the first places: `captions.jsonl:12`, or a picture's name.
    """

    check: str
    stops: bool
    what: str
    remedy: str
    rows: tuple[str, ...] = ()


def first_places(places: Iterable[str]) -> tuple[str, ...]:
    """Returns as many of `places` as a finding names."""
    return tuple(islice(places, _SHOWN))


@dataclass(frozen=True)
class CheckLimits:
    """What the data may be like; shares are between 0 and 1.

    Attributes:
      min_pictures: of each split.
      max_caption_share: of a split's pictures that have one and the same caption among theirs.
      max_ambiguous_share: of the pictures without a caption of their own; past it is a warning.
      max_mislabelled_share: of captions whose script contradicts their language tag.
      max_similar_share: of val and test pictures that look like one of train, and of the pictures
        of a split that look like another of it; past it is a warning.
      min_agreement_lift: captions have to name attributes of their own picture this many times as
        often as they would name those of any other.
      max_value_share: of the pictures with a group of attributes that have one and the same value
        of it, where there are several; past it is a warning.
      max_unknown_share: of the words that a model does not know; past it is a warning.
      max_drift: between these data and those of the last blessed run: of a feature's values by
        L-infinity distance, of its numbers by Jensen-Shannon divergence; past it is a finding.
      max_skew: the same between train and val or test.
      max_new_words: share of the words in these captions that those of the last blessed run lack.
      max_look_shift: of the pictures' mean brightness, contrast or colour from those of the last
        blessed run, in standard deviations of single pictures there.
      stop_on_drift: whether drift, skew, new words and shifted looks stop the run.
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
        """Reads plain values; raises DataError on a key that is not known."""
        known = [one.name for one in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise DataError(
                "gate limits", f"{unknown[0]!r} is not known", f"Choose from {', '.join(known)}."
            )
        return cls(**values)

    def to_json(self) -> str:
        """Returns one line."""
        return json.dumps(asdict(self), sort_keys=True)


DEFAULT_LIMITS = CheckLimits()
