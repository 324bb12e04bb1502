"""Checks of attributes, and of captions against attributes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from data.checking.findings import CheckLimits, Facts, Finding, Splits, everything, first_places

# A group is exclusive if at least this fraction of its pictures has exactly one value.
_EXCLUSIVE = 0.98
_ENOUGH = 20
# Minimum number of expected chance mentions of an attribute, for a meaningful comparison.
_MENTIONS = 50

Groups = Mapping[str, set[str]]


def by_group(row: Facts) -> dict[str, set[str]]:
    """Returns the case-folded values of a picture's attributes by group."""
    groups: dict[str, set[str]] = defaultdict(set)
    for name in row.attributes:
        group, _, value = name.rpartition(":")
        groups[group].add(value.casefold())
    return groups


def exclusive_groups(pictures: Iterable[Groups]) -> set[str]:
    """Returns the groups of attributes that seem to allow one value per picture."""
    present: Counter[str] = Counter()
    single: Counter[str] = Counter()
    values: dict[str, set[str]] = defaultdict(set)
    for groups in pictures:
        for group, found in groups.items():
            present[group] += 1
            single[group] += len(found) == 1
            values[group] |= found
    return {
        group
        for group, count in present.items()
        if count >= _ENOUGH and single[group] >= _EXCLUSIVE * count and len(values[group]) > 1
    }


def contradictions(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """In an exclusive group of attributes, two values of a picture contradict each other."""
    exclusive = exclusive_groups(by_group(row) for row in everything(splits))
    twice: dict[str, list[Facts]] = defaultdict(list)
    for row in everything(splits):
        groups = by_group(row)
        for group in exclusive & groups.keys():
            if len(groups[group]) > 1:
                twice[group].append(row)
    for group, found in sorted(twice.items()):
        yield Finding(
            "attribute_contradiction",
            False,
            f"{len(found)} pictures have several values of {group!r}, such as "
            f"{found[0].image_id} with {', '.join(found[0].attributes)[:80]}",
            "Keep the one that is true; nearly all other pictures have one.",
            first_places(row.place for row in found),
        )


def spellings(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """`colour:Red` and `colour:red ` would be two labels."""
    written: dict[str, Counter[str]] = defaultdict(Counter)
    for row in everything(splits):
        for name in row.attributes:
            written[re.sub(r"[\s_-]+", " ", name.casefold()).strip()][name] += 1
    several = [names for names in written.values() if len(names) > 1]
    if several:
        shown = "; ".join(" and ".join(names) for names in several[:3])
        rarer = {name for names in several for name, _ in names.most_common()[1:]}
        yield Finding(
            "label_spelling",
            False,
            f"{len(several)} attributes are spelled in several ways: {shown[:120]}",
            "Write each in one way.",
            first_places(row.place for row in everything(splits) if rarer & {*row.attributes}),
        )


def unseen(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Attributes that train lacks cannot be recognised in val and test."""
    known = {name for row in splits.get("train", ()) for name in row.attributes}
    for split, rows in splits.items():
        strange = Counter(name for row in rows for name in row.attributes if name not in known)
        if split != "train" and known and strange:
            yield Finding(
                "unseen_label",
                False,
                f"{len(strange)} attributes of {split} are on no picture of train, such as "
                f"{next(iter(strange))}",
                "Put some of these pictures into train, or leave the attributes out.",
                first_places(row.place for row in rows if strange.keys() & {*row.attributes}),
            )


def balance(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """A value that nearly every picture has can be predicted without the picture."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    present: Counter[str] = Counter()
    for row in everything(splits):
        for group, values in by_group(row).items():
            present[group] += 1
            counts[group].update(values)
    for group, held in sorted(counts.items()):
        value, most = held.most_common(1)[0]
        several = len(held) > 1 and present[group] >= _ENOUGH
        if several and most > limits.max_value_share * present[group]:
            yield Finding(
                "label_balance",
                False,
                f"{most} of {present[group]} pictures with {group!r} have the value {value!r}",
                "Add pictures of the others, or expect them to be recognised badly.",
            )


def agreement(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Captions must name attributes of their own picture more often than those of another."""
    rows = [row for row in everything(splits) if row.attributes]
    values = [{value for held in by_group(row).values() for value in held} for row in rows]
    known = set().union(*values)
    named = [known & _words(row) for row in rows]
    own = sum(len(mine & said) for mine, said in zip(values, named, strict=True))
    has, says = (Counter(each for found in one for each in found) for one in (values, named))
    by_chance = sum(has[value] * says[value] for value in known) / max(1, len(rows))
    if by_chance >= _MENTIONS and own < limits.min_agreement_lift * by_chance:
        yield Finding(
            "captions_beside_attributes",
            True,
            f"captions name an attribute of their picture {own} times, and would {by_chance:.0f} "
            "times if they stood beside any other picture",
            "See whether captions and attributes have slipped against each other.",
        )


def _words(row: Facts) -> set[str]:
    return {word for caption in row.folded for word in re.findall(r"[\w'-]+", caption)}
