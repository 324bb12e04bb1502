"""Figures of a data set, counted picture by picture."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from data.checking.facts import words
from data.sources.pictures import Loaded

# Of each group of attributes, the values that are shown.
_VALUES = 40


@dataclass(frozen=True)
class Spread:
    """The least, the middle and the greatest of some numbers; all 0 where there are none."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Returns the spread of `values`."""
        return cls(min(values), statistics.median(values), max(values)) if values else NOTHING


NOTHING = Spread(0, 0, 0)


@dataclass(frozen=True)
class CaptionFigures:
    """The captions of one language: how many, how many different ones, and their words.

    Attributes:
      lengths: number of captions by words.
      vocabulary: different words. once: those that are met but once.
    """

    count: int
    distinct: int
    words: Spread
    lengths: dict[int, int]
    vocabulary: int
    once: int


@dataclass(frozen=True)
class LabelFigures:
    """One group of attributes.

    Attributes:
      pictures: that have a value of it. values: different ones.
      commonest: pictures by value, the commonest first.
      rare: values that fewer than five pictures have.
    """

    pictures: int
    values: int
    commonest: dict[str, int]
    rare: int


@dataclass
class Tally:
    """Counts that grow picture by picture."""

    formats: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    heights: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    lengths: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    texts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    words: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    labels: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    labelled: Counter[str] = field(default_factory=Counter)

    def add(self, loaded: Loaded) -> None:
        """Counts one picture."""
        picture = loaded.picture
        self.formats[picture.format] += 1
        self.modes[picture.mode] += 1
        self.heights.append(picture.height)
        self.widths.append(picture.width)
        for caption, language in zip(loaded.row.captions, loaded.row.languages, strict=True):
            found = words(caption)
            self.lengths[language][len(found)] += 1
            self.texts[language][caption] += 1
            self.words[language].update(found)
        groups = [name.rpartition(":") for name in loaded.row.attributes]
        self.labelled.update({group for group, _, _ in groups})
        for group, _, value in groups:
            self.labels[group][value] += 1

    def smaller(self, resolution: int) -> int:
        """Returns how many pictures have a side below `resolution`."""
        sides = zip(self.heights, self.widths, strict=True)
        return sum(min(height, width) < resolution for height, width in sides)

    def captions(self) -> dict[str, CaptionFigures]:
        """Returns the figures of each language."""
        return {
            language: CaptionFigures(
                count=lengths.total(),
                distinct=len(self.texts[language]),
                words=Spread.of(sorted(lengths.elements())),
                lengths=dict(sorted(lengths.items())),
                vocabulary=len(self.words[language]),
                once=sum(count == 1 for count in self.words[language].values()),
            )
            for language, lengths in sorted(self.lengths.items())
        }

    def attributes(self) -> dict[str, LabelFigures]:
        """Returns the figures of each group of attributes."""
        return {
            group: LabelFigures(
                pictures=self.labelled[group],
                values=len(counts),
                commonest=dict(counts.most_common(_VALUES)),
                rare=sum(count < 5 for count in counts.values()),
            )
            for group, counts in sorted(self.labels.items())
        }
