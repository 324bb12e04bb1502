"""All checks of pictures and captions together, which no schema can express."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from data.checking import label_checks, picture_checks, text_checks
from data.checking.facts import Splits
from data.checking.findings import CheckLimits, Finding
from data.splits import SPLITS, exact_counts


def sizes(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Every split needs pictures."""
    counts = {split: len(splits.get(split, ())) for split in SPLITS}
    for split, count in counts.items():
        if count < limits.min_pictures:
            yield Finding(
                "split_size",
                True,
                f"{split} has {count} pictures, fewer than {limits.min_pictures}",
                _more(list(counts.values()), limits.min_pictures),
            )


def _more(counts: Sequence[int], wanted: int) -> str:
    """Returns what helps splits of which one has fewer than `wanted` pictures."""
    total = sum(counts)
    share = min(33, max(10, math.ceil(100 * wanted / max(1, total))))
    percents = (100 - 2 * share, share, share)
    if min(exact_counts(total, [percent / 100 for percent in percents])) >= wanted:
        shares = ",".join(f"{percent / 100:g}" for percent in percents)
        return (
            "Add pictures, or have content decide all splits, in shares that suffice: "
            f"--set ingest.resplit=true --set 'ingest.shares=[{shares}]'."
        )
    if min(counts):
        return f"Add pictures, or ask for fewer: --set gate.min_pictures={min(counts)}."
    return f"Add pictures: {len(SPLITS) * wanted} are the least for three splits."


CHECKS = (
    sizes,
    text_checks.pairing,
    picture_checks.decoding,
    text_checks.shared_captions,
    text_checks.languages,
    text_checks.other_languages,
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
