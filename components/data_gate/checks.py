"""Checks that look at pictures and captions together, which no schema can express; needs no TFX."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from components.data_gate.facts import Facts
from components.data_gate.findings import Finding, GateLimits
from data.schema import SPLITS

Splits = Mapping[str, Sequence[Facts]]

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
# A group of attributes of which (almost) every picture has one value is taken to allow but one.
_EXCLUSIVE = 0.98
_ENOUGH = 20
# Fewer chance meetings of a word and an attribute say nothing.
_MENTIONS = 50


def sizes(splits: Splits, limits: GateLimits) -> Iterator[Finding]:
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


def pairing(splits: Splits, limits: GateLimits) -> Iterator[Finding]:
    """Every caption needs a language and some text; every picture a name of its own."""
    for split, rows in splits.items():
        uneven = [row for row in rows if len(row.captions) != len(row.languages)]
        empty = [row for row in rows if "" in row.folded]
        for check, bad in (("unpaired_language", uneven), ("empty_caption", empty)):
            if bad:
                yield Finding(
                    check,
                    True,
                    f"{len(bad)} pictures of {split}, first {bad[0].image_id}",
                    "Give each picture a non-empty caption, and each caption a language tag.",
                )
    names = Counter(row.image_id for rows in splits.values() for row in rows)
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        yield Finding(
            "repeated_name",
            True,
            f"{len(repeated)} names stand for several pictures, first {repeated[0]}",
            "Give each picture a name of its own.",
        )


def decoding(splits: Splits, limits: GateLimits) -> Iterator[Finding]:
    """Every picture must decode."""
    for split, rows in splits.items():
        broken = [row.image_id for row in rows if not row.look]
        if broken:
            yield Finding(
                "undecodable_picture",
                True,
                f"{len(broken)} pictures of {split}, first {broken[0]}",
                "Replace them; ingestion by CaptionExampleGen rejects such pictures with a reason.",
            )


def shared_captions(splits: Splits, limits: GateLimits) -> Iterator[Finding]:
    """A caption that fits many pictures teaches nothing about any of them."""
    for split, rows in splits.items():
        uses = Counter(caption for row in rows for caption in row.folded)
        if len(rows) < limits.min_pictures or not uses:
            continue
        caption, most = uses.most_common(1)[0]
        if most > limits.max_caption_share * len(rows):
            yield Finding(
                "one_caption",
                True,
                f"{most} of {len(rows)} pictures of {split} have the caption {caption!r:.80}",
                "Write captions that tell pictures apart, or leave these pictures out.",
            )
        ambiguous = sum(all(uses[caption] > 1 for caption in row.folded) for row in rows)
        if ambiguous > limits.max_ambiguous_share * len(rows):
            yield Finding(
                "ambiguous_captions",
                False,
                f"{ambiguous} of {len(rows)} pictures of {split} share each caption with another",
                "Expect low retrieval figures; captions with more detail help.",
            )


def languages(splits: Splits, limits: GateLimits) -> Iterator[Finding]:
    """Tags have to fit the script, and the languages of val and test have to be learned first."""
    tagged: dict[str, Counter[str]] = {}
    wrong: dict[str, list[str]] = defaultdict(list)
    for split, rows in splits.items():
        tagged[split] = Counter(tag for row in rows for tag in row.languages)
        for row in rows:
            for caption, tag in zip(row.captions, row.languages, strict=False):
                if (tag.split("-")[0] == "zh") != bool(_HAN.search(caption)) and _judged(tag):
                    wrong[tag].append(caption)
    total = sum(tagged.values(), Counter())
    for tag, captions in wrong.items():
        yield Finding(
            "language_tag",
            len(captions) > limits.max_mislabelled_share * total[tag],
            f"{len(captions)} of {total[tag]} captions tagged {tag!r} are in another script, "
            f"such as {captions[0]!r:.60}",
            "Correct the tags, or set the option language to null to have them guessed by script.",
        )
    for split, counts in tagged.items():
        missing = sorted(set(counts) - set(tagged.get("train", counts)))
        if missing:
            yield Finding(
                "unseen_language",
                True,
                f"{split} has captions in {', '.join(missing)}, and train has none",
                "Put captions of every language into train, or leave that language out.",
            )


def _judged(tag: str) -> bool:
    return tag.split("-", maxsplit=1)[0] in ("zh", "en")


def leakage(splits: Splits, limits: GateLimits) -> Iterator[Finding]:
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
                "Keep each picture in one split, or let resplit decide the splits by content.",
            )
    looks = {row.look for row in splits.get("train", ())} - {b""}
    for split in SPLITS[1:]:
        rows = splits.get(split, ())
        alike = [row.image_id for row in rows if row.look in looks]
        if len(alike) > limits.max_similar_share * len(rows):
            yield Finding(
                "similar_pictures",
                False,
                f"{len(alike)} of {len(rows)} pictures of {split} look like one of train at "
                f"8 x 8 pixels, such as {alike[0]}",
                "Look at some; figures on near copies flatter the models.",
            )


def contradictions(splits: Splits, limits: GateLimits) -> Iterator[Finding]:
    """Where nearly all pictures have one value of a group, two values contradict each other."""
    rows = [row for rows in splits.values() for row in rows]
    held = [_by_group(row) for row in rows]
    exclusive = _exclusive_groups(held)
    twice: dict[str, list[Facts]] = defaultdict(list)
    for row, groups in zip(rows, held, strict=True):
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
        )


def _by_group(row: Facts) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = defaultdict(set)
    for name in row.attributes:
        group, _, value = name.rpartition(":")
        groups[group].add(value.casefold())
    return groups


def _exclusive_groups(held: Sequence[Mapping[str, set[str]]]) -> set[str]:
    """Returns the groups of attributes of which a picture has one value at most, as it seems."""
    present = Counter(group for groups in held for group in groups)
    single = Counter(group for groups in held for group in groups if len(groups[group]) == 1)
    values: dict[str, set[str]] = defaultdict(set)
    for groups in held:
        for group, found in groups.items():
            values[group] |= found
    return {
        group
        for group, count in present.items()
        if count >= _ENOUGH and single[group] >= _EXCLUSIVE * count and len(values[group]) > 1
    }


def agreement(splits: Splits, limits: GateLimits) -> Iterator[Finding]:
    """Captions must name the attributes of their own picture oftener than those of another."""
    rows = [row for rows in splits.values() for row in rows if row.attributes]
    values = [{value for held in _by_group(row).values() for value in held} for row in rows]
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


CHECKS = (sizes, pairing, decoding, shared_captions, languages, leakage, contradictions, agreement)
