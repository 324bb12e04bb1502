"""Checks of the pictures themselves, and of pictures that are copies or near copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from data.checking.facts import Facts, Splits, everything
from data.checking.findings import CheckLimits, Finding, first_places
from data.checking.label_checks import by_group, exclusive_groups
from data.checking.looks import groups_alike
from data.splits import SPLITS

Placed = tuple[str, Facts]


def decoding(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Every picture must decode."""
    for split, rows in splits.items():
        broken = [row for row in rows if not row.look]
        if broken:
            yield Finding(
                "undecodable_picture",
                True,
                f"{len(broken)} pictures of {split}, first {broken[0].image_id}",
                "Replace them; ingestion by CaptionExampleGen rejects such pictures with a reason.",
                first_places(row.place for row in broken),
            )


def leakage(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """A picture that is tested on must not have been trained on."""
    seen = {row.content: (split, row.image_id) for split in splits for row in splits[split]}
    for split, rows in splits.items():
        twice = [(row, seen[row.content]) for row in rows if seen[row.content][0] != split]
        if twice:
            row, (other, name) = twice[0]
            yield Finding(
                "leaked_picture",
                True,
                f"{len(twice)} pictures of {split} stand in another split too, "
                f"such as {row.image_id} as {name} in {other}",
                "Keep each picture in one split, or let content decide: --set ingest.resplit=true.",
                first_places(row.place for row, _ in twice),
            )


def lookalikes(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Near copies: across splits they flatter the models, and within one they weigh double."""
    placed = [(split, row) for split, rows in splits.items() for row in rows if row.look]
    groups = [
        [placed[index] for index in group]
        for group in groups_alike([row.look for _, row in placed])
    ]
    for split in SPLITS:
        yield from _across(split, groups, splits, limits)
        yield from _within(split, groups, splits, limits)
    yield from _contradicting(groups, exclusive_groups(by_group(row) for row in everything(splits)))


def _across(
    split: str, groups: Sequence[Sequence[Placed]], splits: Splits, limits: CheckLimits
) -> Iterator[Finding]:
    if split == "train":
        return
    pairs = [
        (row, trained)
        for group in groups
        for trained in [next((row for name, row in group if name == "train"), None)]
        for name, row in group
        if name == split and trained is not None
    ]
    total = len(splits.get(split, ()))
    if len(pairs) > limits.max_similar_share * total:
        row, trained = pairs[0]
        yield Finding(
            "similar_pictures",
            False,
            f"{len(pairs)} of {total} pictures of {split} look like one of train, such as "
            f"{row.image_id} like {trained.image_id}",
            "Look at some; figures on near copies flatter the models. Leave them out, or give them "
            "the same split; ingest.resplit does not, for their pixels differ.",
            first_places(row.place for row, _ in pairs),
        )


def _within(
    split: str, groups: Sequence[Sequence[Placed]], splits: Splits, limits: CheckLimits
) -> Iterator[Finding]:
    inside = [[row for name, row in group if name == split] for group in groups]
    several = [rows for rows in inside if len(rows) > 1]
    count, total = sum(map(len, several)), len(splits.get(split, ()))
    if count > limits.max_similar_share * total:
        first, second, *_ = several[0]
        yield Finding(
            "near_duplicates",
            False,
            f"{count} of {total} pictures of {split} look like another of it, in {len(several)} "
            f"groups, such as {first.image_id} and {second.image_id}",
            "Keep one of each group unless they are meant to count several times.",
            first_places(row.place for rows in several for row in rows),
        )


def _contradicting(groups: Sequence[Sequence[Placed]], exclusive: set[str]) -> Iterator[Finding]:
    """Near copies with different values of a group that has one value per picture."""
    found: list[tuple[str, Facts, Facts]] = []
    for group in groups:
        held = [(row, by_group(row)) for _, row in group]
        for name in exclusive:
            said = [(row, groups_of[name]) for row, groups_of in held if name in groups_of]
            commonest = Counter(frozenset(values) for _, values in said).most_common(1)
            usual = next((row for row, values in said if values == commonest[0][0]), None)
            found += [
                (name, row, usual) for row, values in said if usual and values != commonest[0][0]
            ]
    if found:
        name, row, usual = min(found, key=lambda one: (one[0], one[1].place))
        yield Finding(
            "contradicting_copies",
            False,
            f"{len(found)} pictures look like another one and have other values of its "
            f"attributes, such as {row.image_id} and {usual.image_id} in {name!r}",
            "See which of them is true.",
            first_places(row.place for _, row, _ in found),
        )
