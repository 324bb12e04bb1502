"""Which rows of a source are kept and which are rejected, including copies of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from data.base import files
from data.base.errors import DataError
from data.sources.pictures import Loaded, load_row
from data.sources.rows import DEFAULT_LIMITS, Limits, Reject, Row
from data.sources.source import Source
from data.splits import MIN_SPLIT, SHARES, SplitRule, SplitTally, check_shares

if TYPE_CHECKING:
    from data.schema import CaptionedImage


class Seen(NamedTuple):
    """The facts about a picture that are needed to report its copies."""

    where: str
    image_id: str
    split: str
    attributes: tuple[str, ...]

    @classmethod
    def of(cls, loaded: Loaded) -> Seen:
        """Returns the facts about a picture."""
        row = loaded.row
        return cls(row.where, row.image_id, loaded.split, row.attributes)


def as_duplicate(first: Seen, later: Seen) -> Reject:
    """Returns the reject for a copy of an earlier picture.

    A copy in another split would leak training data into evaluation, and a copy with other
    attributes shows that one of them is wrong; both have separate reasons.
    """
    detail = f"the same picture, in {first.split}, is at {first.where}"
    if later.split != first.split:
        reason = "duplicate_across_splits"
    elif _contradict(first.attributes, later.attributes):
        reason = "contradicting_copy"
        there, here = (", ".join(sorted(one.attributes)) for one in (first, later))
        detail += f" with {there!r:.60} and here with {here!r:.60}"
    else:
        reason = "duplicate"
    return Reject.of(later.where, later.image_id, reason, detail)


def _contradict(these: Sequence[str], those: Sequence[str]) -> bool:
    return bool(these and those) and set(these) != set(those)


def resolve_duplicates(group: Sequence[Seen]) -> tuple[int, dict[int, Reject]]:
    """Returns which of the pictures with the same content hash is kept, and rejects for the others.

    The first by place in the source is kept, not the first in `group`, so the result does not
    depend on the order of the workers.

    Returns:
      The index of the kept one, and rejects by index, ordered by place.
    """
    kept, *copies = sorted(
        range(len(group)), key=lambda index: files.natural_key(group[index].where)
    )
    return kept, {copy: as_duplicate(group[kept], group[copy]) for copy in copies}


_PLACES = 20


@dataclass
class RejectReport:
    """Counts of kept and rejected rows of a source.

    Attributes:
      kept: number of kept pictures.
      rejects: the rejected rows and pictures, in reading order.
      dropped_captions: number of captions dropped from kept rows, by reason.
      dropped_at: the first places of such rows.
      mended: number of corrections by a policy, by kind.
    """

    kept: int = 0
    rejects: list[Reject] = field(default_factory=list)
    dropped_captions: Counter[str] = field(default_factory=Counter)
    dropped_at: list[str] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)

    def keep(self, row: Row) -> None:
        """Counts a kept row."""
        self.kept += 1
        self.dropped_captions.update(row.dropped)
        self.mended.update(row.mended)
        if row.dropped and len(self.dropped_at) < _PLACES:
            self.dropped_at.append(row.where)

    @property
    def share(self) -> float:
        """The fraction of rejects; 0 without rows."""
        total = self.kept + len(self.rejects)
        return len(self.rejects) / total if total else 0.0

    def by_reason(self) -> dict[str, int]:
        """Returns the number of rejects of each reason, most frequent first."""
        counts = Counter(reject.reason for reject in self.rejects)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def first(self, reason: str) -> Reject:
        """Returns the first reject of a reason in `by_reason`."""
        return next(reject for reject in self.rejects if reject.reason == reason)

    def write(self, path: str) -> None:
        """Writes one line of JSON for each reject, atomically."""
        lines = (f"{reject.to_json()}\n" for reject in self.rejects)
        files.write_whole(path, "".join(lines).encode("utf-8", "backslashreplace"))

    def check_share(self, max_share: float, source: str = "data") -> None:
        """Raises DataError if more than `max_share` was rejected, or nothing is left.

        Args:
          max_share: maximum fraction of rejects, 0 to 1.
          source: name of the data in the message.
        """
        if self.kept and self.share <= max_share:
            return
        total = self.kept + len(self.rejects)
        reasons = list(self.by_reason().items())[:3]
        found = "; ".join(self._summary(reason, count) for reason, count in reasons)
        allowed = f"more than the {max_share:.1%} allowed" if self.kept else "no picture is left"
        raise DataError(
            source,
            f"{len(self.rejects)} of {total} rows were rejected ({self.share:.1%}), {allowed}: "
            f"{found or 'there was no row'}",
            " ".join(self.first(reason).remedy for reason, _ in reasons),
        )

    def _summary(self, reason: str, count: int) -> str:
        first = self.first(reason)
        return f"{count} {reason}, first at {first.where} ({first.image or '?'}: {first.detail})"


def sift(
    source: Source,
    report: RejectReport,
    limits: Limits = DEFAULT_LIMITS,
    shares: Sequence[float] = SHARES,
) -> Iterator[Loaded]:
    """Yields the usable pictures of a source, and records the others in `report`."""
    check_shares(shares)
    seen: dict[str, Seen] = {}
    for row in source.rows():
        loaded = row if isinstance(row, Reject) else load_row(row, limits, shares)
        if isinstance(loaded, Loaded) and loaded.content_hash in seen:
            loaded = as_duplicate(seen[loaded.content_hash], Seen.of(loaded))
        if isinstance(loaded, Reject):
            report.rejects.append(loaded)
            continue
        seen[loaded.content_hash] = Seen.of(loaded)
        report.keep(loaded.row)
        yield loaded


def collect(
    source: Source,
    limits: Limits = DEFAULT_LIMITS,
    shares: Sequence[float] = SHARES,
    *,
    min_split: int = MIN_SPLIT,
) -> tuple[list[CaptionedImage], RejectReport, SplitRule]:
    """Reads a source into memory; returns its captioned pictures, the rejects and the split rule.

    Trainings read by `components.caption_example_gen.ingest`, which takes data of any size. Of
    identical pictures, the first by place in the source is kept, as in `resolve_duplicates`.

    Args:
      source: from `open_source`.
      limits: of one picture.
      shares: of train, val and test.
      min_split: see `SplitRule.of`.
    """
    report, tally = RejectReport(), SplitTally(shares)
    chosen = list(sift(source, report, limits, shares))
    placed = [loaded.placed() for loaded in chosen]
    for one in placed:
        tally.add(one)
    rule = SplitRule.of(tally, min_split)
    images = [
        replace(loaded, split=rule.split_of(one)).example()
        for loaded, one in zip(chosen, placed, strict=True)
    ]
    return images, report, rule
