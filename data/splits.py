"""Divides the pictures of a data set into train, val and test.

A picture belongs to the split that the data name. If they name none, its content decides: a stable
hash of its pixels is a position from 0 to 1, and two borders divide that range by the shares. All
captions of a picture, and identical pictures with other names or encodings, are therefore in the
same split on every machine. With fewer than `EXACT_BELOW` pictures, the borders are placed between
hashes so that the shares are exact to one picture. With more, the borders are the shares
themselves, so the set can grow and no picture changes its split. Each span has its own borders,
which do not depend on other spans.

If the data name splits, a split with too few pictures is cut from the others: it gets the pictures
that the data name for another split and whose hash is in its range.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from data.base.errors import DataError

SPLITS = ("train", "val", "test")
SHARES = (0.8, 0.1, 0.1)

# Positions where val and test begin, 0 to 1.
Borders = tuple[float, float]


def assign(content_hash: str, shares: Sequence[float] = SHARES) -> str:
    """Returns the split of a picture.

    Args:
      content_hash: hex digits of a uniform hash of at least 52 bits.
      shares: of train, val and test; they sum to 1.

    A picture keeps its split as long as the shares stay the same. If they change, only pictures
    between the old and the new borders change their split.
    """
    check_shares(shares)
    return side(position(content_hash), fixed_borders(shares))


def position(content_hash: str) -> float:
    """Returns the position of a content hash, 0 to 1."""
    return int(content_hash[:13], 16) / 16**13  # 52 bits, which a float represents exactly


def fixed_borders(shares: Sequence[float]) -> Borders:
    """Returns the borders given by the shares alone."""
    train, val, test = shares
    # Rounding may leave a sum just below 1, which would put the last hashes into an empty split.
    return (train if val or test else 1.0), (train + val if test else 1.0)


def side(position: float, borders: Borders) -> str:
    """Returns the split of a position."""
    return SPLITS[sum(position >= border for border in borders)]


def check_shares(shares: Sequence[float]) -> None:
    """Raises DataError unless `shares` are three numbers >= 0 that sum to 1."""
    if len(shares) != len(SPLITS) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise DataError(
            f"shares {tuple(shares)}",
            "these are not the shares of train, val and test",
            "Give three numbers of 0 or more that sum to 1, such as 0.8, 0.1, 0.1.",
        )


# At this size, chance changes a share of 10 % by a tenth of its value; in larger sets by less.
EXACT_BELOW = 1000
# The checks require as many pictures of each split.
MIN_SPLIT = 8

# Span, split that the data name, and split by `fixed_borders`.
_Group = tuple[int | None, str | None, str]


class Placed(NamedTuple):
    """The facts that decide the split of one picture.

    Attributes:
      position: of its content hash, 0 to 1.
      named: the split that the data name for it, or None.
      span: the number of its span if several are read, or None.
      size: bytes of the encoded picture.
    """

    position: float
    named: str | None
    span: int | None
    size: int

    @classmethod
    def of(
        cls, content_hash: str, named: str | None, span: int | None = None, size: int = 0
    ) -> Placed:
        """Returns the facts for a picture with this content hash."""
        return cls(position(content_hash), named, span, size)


@dataclass
class SplitTally:
    """Counts the pictures of a data set, with no more memory than their splits require.

    Attributes:
      shares: of train, val and test.
      counts: pictures and bytes of each group.
      few: for each span, all its pictures, or None if there are `EXACT_BELOW` or more.
    """

    shares: Sequence[float] = SHARES
    counts: dict[_Group, tuple[int, int]] = field(default_factory=dict)
    few: dict[int | None, list[Placed] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_shares(self.shares)

    def add(self, picture: Placed) -> None:
        """Counts one picture; the caller must leave out copies."""
        group = (picture.span, picture.named, side(picture.position, fixed_borders(self.shares)))
        self._count(group, 1, picture.size)
        self._hold(picture.span, [picture])

    def merge(self, other: SplitTally) -> None:
        """Adds the pictures of `other`."""
        for group, (pictures, size) in other.counts.items():
            self._count(group, pictures, size)
        for span, held in other.few.items():
            self._hold(span, held)

    def _count(self, group: _Group, pictures: int, size: int) -> None:
        before = self.counts.get(group, (0, 0))
        self.counts[group] = (before[0] + pictures, before[1] + size)

    def _hold(self, span: int | None, pictures: list[Placed] | None) -> None:
        held = self.few.setdefault(span, [])
        if held is None or pictures is None or len(held) + len(pictures) >= EXACT_BELOW:
            self.few[span] = None
        else:
            held += pictures


@dataclass(frozen=True)
class SplitRule:
    """The rule by which a data set is divided, and the resulting counts.

    Attributes:
      borders: by span, the positions where val and test begin.
      cut: the splits that are cut from the others.
      named: number of pictures that the data name for each split.
      moved: number of moved pictures, by the split that the data name and the split in `cut`.
      pictures, sizes: resulting number of pictures and of bytes in each split.
    """

    borders: Mapping[int | None, Borders]
    cut: tuple[str, ...]
    named: Mapping[str, int]
    moved: Mapping[tuple[str, str], int]
    pictures: Mapping[str, int]
    sizes: Mapping[str, int]

    @classmethod
    def of(cls, tally: SplitTally, min_split: int = MIN_SPLIT) -> SplitRule:
        """Returns the rule for the pictures of `tally`.

        Args:
          tally: of the whole set.
          min_split: a split with fewer pictures is cut from the others. If all have fewer, only
            splits without a picture are cut. 0 cuts none.
        """
        rule = cls._with(tally, ())
        while lacking := rule._lacking(tally.shares, min_split):
            rule = cls._with(tally, (*rule.cut, *lacking))
        return rule

    def split_of(self, picture: Placed) -> str:
        """Returns the split of a picture of the set."""
        by_content = side(picture.position, self.borders[picture.span])
        return _split(by_content, picture.named, self.cut)

    def sentences(self) -> Iterator[str]:
        """Yields a sentence for each split that was cut from others."""
        for split in self.cut:
            sources = {given: self.moved.get((given, split), 0) for given in SPLITS}
            taken = [f"{given} ({count:,})" for given, count in sources.items() if count]
            if taken:
                yield (
                    f"the data name {self.named[split] or 'no'} pictures for {split}, so "
                    f"{sum(sources.values()):,} were taken for it by content from "
                    f"{' and '.join(taken)}"
                )

    @classmethod
    def _with(cls, tally: SplitTally, cut: tuple[str, ...]) -> SplitRule:
        borders = {
            span: _borders(held, cut, tally.shares, alone=len(tally.few) == 1)
            for span, held in tally.few.items()
        }
        named, moved, pictures, sizes = (Counter[Any]() for _ in range(4))
        for given, split, count, size in _outcomes(tally, borders, cut):
            pictures[split] += count
            sizes[split] += size
            if given is not None:
                named[given] += count
                moved[given, split] += count if given != split else 0
        return cls(borders, cut, named, +moved, pictures, sizes)

    def _lacking(self, shares: Sequence[float], min_split: int) -> tuple[str, ...]:
        """Returns the splits that must be cut in addition to those in `cut`."""
        lacking = {split for split in SPLITS if self.pictures[split] < min_split}
        if lacking.union(self.cut) == {*SPLITS}:
            lacking = {split for split in lacking if not self.pictures[split]}
        wanted = [split for split, share in zip(SPLITS, shares, strict=True) if share]
        found = tuple(split for split in wanted if split in lacking and split not in self.cut)
        return found if len(found) + len(self.cut) < len(SPLITS) else ()


def _split(by_content: str, named: str | None, cut: Sequence[str]) -> str:
    if named is None or (by_content in cut and named not in cut):
        return by_content
    return named


def _outcomes(
    tally: SplitTally, borders: Mapping[int | None, Borders], cut: tuple[str, ...]
) -> Iterator[tuple[str | None, str, int, int]]:
    """Yields named split, resulting split, number of pictures and bytes, by picture or by group."""
    for span, held in tally.few.items():
        for one in held or ():
            split = _split(side(one.position, borders[span]), one.named, cut)
            yield one.named, split, 1, one.size
    for (span, named, by_content), (count, size) in tally.counts.items():
        if tally.few[span] is None:
            yield named, _split(by_content, named, cut), count, size


def _borders(
    held: list[Placed] | None, cut: Sequence[str], shares: Sequence[float], *, alone: bool
) -> Borders:
    """Returns the borders of one span.

    Args:
      held: its pictures, or None if there are many.
      cut: the splits that are cut from the others.
      shares: of train, val and test.
      alone: whether it is the only span. With several small spans, exact shares would give a small
        split no picture of any; the fixed borders give it some.
    """
    decided = sorted(one.position for one in held or () if _by_content(one.named, cut))
    least = min(share for share in shares if share)
    if not decided or not (alone or len(decided) * least >= 1):
        return fixed_borders(shares)
    train, val, _ = exact_counts(len(decided), shares)
    bounds = [*decided, 1.0]
    return bounds[train], bounds[train + val]


def _by_content(named: str | None, cut: Sequence[str]) -> bool:
    """Whether the content of a picture can decide its split."""
    return named is None or (bool(cut) and named not in cut)


def exact_counts(total: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Divides `total` into integers by shares; each differs by less than 1 from its exact value.

    After rounding down, the largest remainders get the rest (Hare quota).
    """
    quotas = [total * share for share in shares]
    counts = [math.floor(quota + 1e-9) for quota in quotas]
    by_remainder = sorted(range(len(shares)), key=lambda place: counts[place] - quotas[place])
    for place in by_remainder[: total - sum(counts)]:
        counts[place] += 1
    return tuple(counts)
