"""All checks of pictures and captions together, which no schema can express."""

from __future__ import annotations

from collections.abc import Iterator

from data.checking import label_checks, picture_checks, text_checks
from data.checking.facts import Splits
from data.checking.findings import CheckLimits, Finding
from data.splits import SPLITS


def sizes(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Every split needs pictures."""
    for split in SPLITS:
        count = len(splits.get(split, ()))
        if count < limits.min_pictures:
            yield Finding(
                "split_size",
                True,
                f"{split} has {count} pictures, fewer than {limits.min_pictures}",
                "Add pictures, change the shares of the splits, or let resplit decide them anew.",
            )


CHECKS = (
    sizes,
    text_checks.pairing,
    picture_checks.decoding,
    text_checks.shared_captions,
    text_checks.languages,
    text_checks.oddities,
    text_checks.repetitions,
    picture_checks.leakage,
    picture_checks.lookalikes,
    label_checks.contradictions,
    label_checks.spellings,
    label_checks.unseen,
    label_checks.balance,
    label_checks.agreement,
)


def run_all(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Yields what every check finds."""
    for check in CHECKS:
        yield from check(splits, limits)
