"""Identical pictures: the first one seen stays, the others are counted."""

from __future__ import annotations

from collections.abc import Iterable

from data.sources.files import natural_key
from data.sources.loading import Loaded
from data.sources.rows import Reject


def as_duplicate(first_where: str, first_split: str, later: Loaded) -> Reject:
    """Returns the reject of a picture that was seen before.

    A copy in another split would let a model be tested on what it has learned by heart, and is
    counted under a reason of its own.
    """
    across = later.split != first_split
    reason = "duplicate_across_splits" if across else "duplicate"
    detail = f"the same picture, in {first_split}, is at {first_where}"
    return Reject.of(later.row.where, later.row.image_id, reason, detail)


def resolve_duplicates(group: Iterable[Loaded]) -> tuple[Loaded, list[Reject]]:
    """Returns the first picture of a group with one content hash, and a reject for each other.

    "First" is by place in the source, not by order in `group`, so that the outcome does not
    depend on which worker was quicker.
    """
    first, *later = sorted(group, key=lambda loaded: natural_key(loaded.row.where))
    return first, [as_duplicate(first.row.where, first.split, copy) for copy in later]
