"""Identical pictures: the first one seen stays, the others are counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from data.base.files import natural_key
from data.sources.loading import Loaded
from data.sources.rows import Reject


class Seen(NamedTuple):
    """What is remembered of a picture for the sake of its copies."""

    where: str
    image_id: str
    split: str
    attributes: tuple[str, ...]

    @classmethod
    def of(cls, loaded: Loaded) -> Seen:
        """Returns what there is to remember of a picture."""
        row = loaded.row
        return cls(row.where, row.image_id, loaded.split, row.attributes)


def as_duplicate(first: Seen, later: Seen) -> Reject:
    """Returns the reject of a picture that was seen before.

    A copy in another split would let a model be tested on what it has learned by heart, and a copy
    with other attributes says that one of the two is wrong; both have reasons of their own.
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
    """Returns which of the pictures with one content hash stays, and a reject for each other.

    The first stays, by place in the source, not by order in `group`, so that the outcome does not
    depend on which worker was quicker.

    Returns:
      The index of the first, and rejects by index in the order of their places.
    """
    kept, *copies = sorted(range(len(group)), key=lambda index: natural_key(group[index].where))
    return kept, {copy: as_duplicate(group[kept], group[copy]) for copy in copies}
