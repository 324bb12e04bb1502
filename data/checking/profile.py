"""Summarises a data set in a few numbers, to detect later changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from data.checking.findings import CheckLimits, Facts, Finding, Splits, everything, words
from data.checking.near_duplicates import SIDE

# Number of words that are stored, most frequent first.
_WORDS = 50_000
_SHOWN = 8


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation over pictures or captions."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Moments:
        """Returns the moments of `values`; zeros if there are none."""
        array = np.fromiter(values, float)
        return cls(float(array.mean()), float(array.std())) if len(array) else cls(0.0, 0.0)


@dataclass(frozen=True)
class Profile:
    """Summary of a data set.

    Attributes:
      pictures: number of pictures by split.
      languages: number of captions by language.
      attributes: number of pictures by attribute.
      words: number of occurrences of each caption word.
      caption_words: number of words in a caption.
      looks: brightness, contrast and colourfulness of single pictures, each 0 to 1.
    """

    pictures: dict[str, int]
    languages: dict[str, int]
    attributes: dict[str, int]
    words: dict[str, int]
    caption_words: Moments
    looks: dict[str, Moments]

    @classmethod
    def of(cls, splits: Splits) -> Profile:
        """Returns the profile of the splits."""
        rows = list(everything(splits))
        captions = [words(caption) for row in rows for caption in row.captions]
        used = Counter(word for caption in captions for word in caption)
        return cls(
            pictures={split: len(held) for split, held in splits.items()},
            languages=dict(Counter(tag for row in rows for tag in row.languages)),
            attributes=dict(Counter(name for row in rows for name in row.attributes)),
            words=dict(used.most_common(_WORDS)),
            caption_words=Moments.of(map(len, captions)),
            looks=_looks(rows),
        )

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Profile:
        """Reads the output of `to_json`."""
        looks = {name: Moments(**moments) for name, moments in held["looks"].items()}
        caption_words = Moments(**held["caption_words"])
        return cls(**{**held, "looks": looks, "caption_words": caption_words})


def _looks(rows: list[Facts]) -> dict[str, Moments]:
    held = b"".join(row.look for row in rows if row.look)
    pixels = np.frombuffer(held, np.uint8).reshape(-1, SIDE * SIDE, 3).astype(np.float32) / 255
    grey = pixels.mean(-1)
    return {
        "brightness": Moments.of(grey.mean(1)),
        "contrast": Moments.of(grey.std(1)),
        "colourfulness": Moments.of(np.abs(pixels - grey[..., None]).mean((1, 2))),
    }


def changes(before: Profile, after: Profile) -> Iterator[str]:
    """Yields a short phrase for each difference."""
    for split, count in after.pictures.items():
        if count != before.pictures.get(split, 0):
            yield f"{split} {before.pictures.get(split, 0):,} to {count:,} pictures"
    for tag in dict.fromkeys((*before.languages, *after.languages)):
        was, now = _share(before.languages, tag), _share(after.languages, tag)
        if abs(was - now) >= 0.005:
            yield f"captions in {tag} {was:.1%} to {now:.1%}"
    fresh, gone = (
        _fresh(before.attributes, after.attributes),
        _fresh(after.attributes, before.attributes),
    )
    if fresh:
        yield f"{len(fresh)} new attributes ({_some(fresh)})"
    if gone:
        yield f"{len(gone)} attributes gone ({_some(gone)})"
    share, strange = new_words(before, after)
    if strange:
        yield f"{len(strange):,} new words, {share:.1%} of all ({_some(strange)})"
    if abs(before.caption_words.mean - after.caption_words.mean) >= 0.5:
        yield (
            f"words in a caption {before.caption_words.mean:.1f} to {after.caption_words.mean:.1f}"
        )
    for name, moments in after.looks.items():
        if abs(moments.mean - before.looks[name].mean) >= 0.02:
            yield f"{name} {before.looks[name].mean:.2f} to {moments.mean:.2f}"


def drift(before: Profile, after: Profile, limits: CheckLimits) -> Iterator[Finding]:
    """Yields a finding with all changes, and one for each change beyond its limit."""
    found = list(changes(before, after))
    if found:
        yield Finding(
            "changes",
            False,
            f"since the last blessed run: {'; '.join(found)}",
            "Nothing is to be done where this was meant.",
        )
    share, strange = new_words(before, after)
    if share > limits.max_new_words:
        yield Finding(
            "new_words",
            limits.stop_on_drift,
            f"{share:.1%} of the words in the captions were in none of the last blessed run, such "
            f"as {_some(strange)}",
            "See whether these captions belong here; then raise gate.max_new_words.",
        )
    for name, moments in after.looks.items():
        was = before.looks[name]
        shift = abs(moments.mean - was.mean) / max(was.deviation, 0.01)
        if shift > limits.max_look_shift:
            yield Finding(
                "shifted_looks",
                limits.stop_on_drift,
                f"the mean {name} of the pictures went from {was.mean:.2f} to {moments.mean:.2f}, "
                f"{shift:.1f} standard deviations of single pictures",
                "See whether the pictures were made in another way; then raise "
                "gate.max_look_shift.",
            )


def new_words(before: Profile, after: Profile) -> tuple[float, list[str]]:
    """Returns the fraction of word occurrences that `before` lacks, and these words."""
    strange = _fresh(before.words, after.words)
    uses = sum(after.words[word] for word in strange)
    return uses / max(1, sum(after.words.values())), strange


def _fresh(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Returns the keys that only `after` has, most frequent first."""
    return sorted(after.keys() - before.keys(), key=lambda name: (-after[name], name))


def _share(counts: Mapping[str, int], name: str) -> float:
    return counts.get(name, 0) / max(1, sum(counts.values()))


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
