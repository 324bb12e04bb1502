"""How the pictures of one data set are divided into train, val and test.

A picture goes where the data say, and without a word of theirs where its content says: a stable
hash of what it shows has a place in the range of hashes, and two borders cut that range in the
shares. So all captions of a picture, and identical pictures under other names or in other
encodings, stay on one side, on every machine. Of a set of fewer than `EXACT_BELOW` pictures the
borders lie between hashes, so that the shares come out to the picture; of a larger one they are the
shares themselves, so that it can grow and no picture changes sides. Each span has borders of its
own, which do not depend on the other spans that are read with it.

A split of too few pictures is cut from the others, where the data name splits: a picture that they
name for another one, and whose hash lies in its share, goes there.
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

# Where val and test begin in the range of hashes, 0 to 1.
Borders = tuple[float, float]


def assign(content_hash: str, shares: Sequence[float] = SHARES) -> str:
    """Returns the split of a picture.

    Args:
      content_hash: hex digits of an even hash of 52 bits or more.
      shares: of train, val and test; they sum to 1.

    A picture keeps its split for ever as long as the shares stay the same; when they change, only
    the pictures near the moved borders change sides.
    """
    check_shares(shares)
    return side(position(content_hash), fixed_borders(shares))


def position(content_hash: str) -> float:
    """Returns where a picture stands in the range of hashes, 0 to 1."""
    return int(content_hash[:13], 16) / 16**13  # 52 bits, as many as a float holds exactly


def fixed_borders(shares: Sequence[float]) -> Borders:
    """Returns where val and test begin in the range of hashes when shares alone decide."""
    train, val, test = shares
    # Rounding may leave a sum a hair below 1, and a picture of the last hash in an empty share.
    return (train if val or test else 1.0), (train + val if test else 1.0)


def side(position: float, borders: Borders) -> str:
    """Returns the split in whose part of the range of hashes `position` lies."""
    return SPLITS[sum(position >= border for border in borders)]


def check_shares(shares: Sequence[float]) -> None:
    """Raises DataError unless `shares` are three numbers >= 0 that sum to 1."""
    if len(shares) != len(SPLITS) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise DataError(
            f"shares {tuple(shares)}",
            "these are not the shares of train, val and test",
            "Give three numbers of 0 or more that sum to 1, such as 0.8, 0.1, 0.1.",
        )


# Chance moves a share of 10 % by a tenth of itself here, and by less in larger sets.
EXACT_BELOW = 1000
# What the checks want of each split, too.
MIN_SPLIT = 8

# Span, split that the data name, and split by the shares' own borders.
_Group = tuple[int | None, str | None, str]


class Placed(NamedTuple):
    """What decides the split of one picture.

    Attributes:
      position: of its content hash in the range of hashes, 0 to 1.
      named: the split that the data name for it, or None.
      span: the number of its span where several are read, or None.
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
        """Returns what decides the split of a picture with this content hash."""
        return cls(position(content_hash), named, span, size)


@dataclass
class SplitTally:
    """The pictures of a data set, in as little memory as their splits need.

    Attributes:
      shares: of train, val and test.
      counts: pictures and bytes of each group.
      few: of each span all its pictures, or None once they are `EXACT_BELOW`.
    """

    shares: Sequence[float] = SHARES
    counts: dict[_Group, tuple[int, int]] = field(default_factory=dict)
    few: dict[int | None, list[Placed] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_shares(self.shares)

    def add(self, picture: Placed) -> None:
        """Counts one picture; a copy of one that is counted must not come."""
        group = (picture.span, picture.named, side(picture.position, fixed_borders(self.shares)))
        self._count(group, 1, picture.size)
        self._hold(picture.span, [picture])

    def merge(self, other: SplitTally) -> None:
        """Counts the pictures of `other` as well."""
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
    """By what a data set is divided, and what comes of it.

    Attributes:
      borders: by span, where val and test begin in the range of hashes.
      cut: the splits that are cut from the others.
      named: pictures that the data name for each split.
      moved: pictures by the split that the data name and the one in `cut` where they went.
      pictures, sizes: pictures and bytes of each split in the end.
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
          min_split: a split of fewer pictures is cut from the others; where all have fewer, one
            without any picture. 0 cuts none.
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
        """Yields what was cut from the splits of the data, a sentence for each split."""
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
        """Returns the splits that are to be cut besides those in `cut`."""
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
    """Yields named split, split, pictures and bytes of pictures or of groups of them."""
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
      held: its pictures, or None for many.
      cut: the splits that are cut from the others.
      shares: of train, val and test.
      alone: whether it is all that there is. Of several small spans, each of which would have no
        picture for a small share, the shares themselves give one to some.
    """
    decided = sorted(one.position for one in held or () if _by_content(one.named, cut))
    least = min(share for share in shares if share)
    if not decided or not (alone or len(decided) * least >= 1):
        return fixed_borders(shares)
    train, val, _ = exact_counts(len(decided), shares)
    bounds = [*decided, 1.0]
    return bounds[train], bounds[train + val]


def _by_content(named: str | None, cut: Sequence[str]) -> bool:
    """Whether a picture's content can decide its split."""
    return named is None or (bool(cut) and named not in cut)


def exact_counts(total: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Returns whole numbers that sum to `total` in these shares, each less than 1 from its own.

    What is left of the whole parts goes to the largest remainders (Hare quota).
    """
    quotas = [total * share for share in shares]
    counts = [math.floor(quota + 1e-9) for quota in quotas]
    by_remainder = sorted(range(len(shares)), key=lambda place: counts[place] - quotas[place])
    for place in by_remainder[: total - sum(counts)]:
        counts[place] += 1
    return tuple(counts)
