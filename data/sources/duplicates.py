"""Identical pictures: the first one seen stays, the others are counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from data.sources.files import natural_key
from data.sources.loading import Loaded
from data.sources.rows import Reject


class First(NamedTuple):
    """What is remembered of the first of several identical pictures."""

    where: str
    split: str
    attributes: tuple[str, ...]

    @classmethod
    def of(cls, loaded: Loaded) -> First:
        """Returns what there is to remember of a picture."""
        return cls(loaded.row.where, loaded.split, loaded.row.attributes)


def as_duplicate(first: First, later: Loaded) -> Reject:
    """Returns the reject of a picture that was seen before.

    A copy in another split would let a model be tested on what it has learned by heart, and a copy
    with other attributes says that one of the two is wrong; both have reasons of their own.
    """
    detail = f"the same picture, in {first.split}, is at {first.where}"
    mine = later.row.attributes
    if later.split != first.split:
        reason = "duplicate_across_splits"
    elif mine and first.attributes and set(mine) != set(first.attributes):
        reason = "contradicting_copy"
        there, here = (", ".join(sorted(names)) for names in (first.attributes, mine))
        detail += f" with {there!r:.60} and here with {here!r:.60}"
    else:
        reason = "duplicate"
    return Reject.of(later.row.where, later.row.image_id, reason, detail)


def resolve_duplicates(group: Iterable[Loaded]) -> tuple[Loaded, list[Reject]]:
    """Returns the first picture of a group with one content hash, and a reject for each other.

    "First" is by place in the source, not by order in `group`, so that the outcome does not
    depend on which worker was quicker.
    """
    first, *later = sorted(group, key=lambda loaded: natural_key(loaded.row.where))
    return first, [as_duplicate(First.of(first), copy) for copy in later]
