"""Runs all checks of pictures and captions that a schema cannot express.

This module has the checks of captions and of unread files; checks of attributes and of duplicates
are in other modules.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from data.base import files
from data.checking import label_checks, near_duplicates
from data.checking.findings import (
    CheckLimits,
    Facts,
    Finding,
    Splits,
    everything,
    first_places,
    fold,
)
from data.languages import HAN, other_than
from data.picture_files import PICTURE_ENDINGS
from data.sources import inventory
from data.sources.inventory import Inventory
from data.splits import SPLITS, exact_counts

_HAN = re.compile(f"[{HAN}]")

# Captions that are rarely useful for training, by kind.
_ODD = {
    "hold markup": re.compile(r"</?[a-z][^>]*>|&(?:amp|lt|gt|quot|nbsp|#\d+);", re.IGNORECASE),
    "hold a web address": re.compile(r"https?://|www\.", re.IGNORECASE),
    "are the name of a file": re.compile(
        r"\s*\S+\.(?:jpe?g|png|gif|webp|bmp|tiff?)\s*", re.IGNORECASE
    ),
    "were read in a wrong encoding": re.compile(
        "\ufffd|锟斤拷|â€|Ã[\u0080-\u00bf]|[Ââ][\u0080-\u00bf]|ï»¿"
    ),
    "hold no word": re.compile(r"[\W_]+"),
}
_WHOLE = ("are the name of a file", "hold no word")
_PLACEHOLDERS = frozenset(
    [
        "n/a",
        "na",
        "none",
        "null",
        "nan",
        "nil",
        "todo",
        "tbd",
        "unknown",
        "untitled",
        "caption",
        "image",
        "picture",
        "photo",
        "test",
        "xxx",
        "无",
        "暂无",
        "图片",
        "标题",
        "未知",
    ]
)
_ODD_REMEDY = {
    "hold markup": "Strip the tags and entities.",
    "hold a web address": "Take the address out.",
    "are the name of a file": "Write what the picture shows.",
    "were read in a wrong encoding": "Save the file as UTF-8 from where the text was still whole.",
    "hold no word": "Write what the picture shows.",
    "are placeholders": "Write what the picture shows, or leave the caption out.",
}


def pairing(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Every caption needs a language and text; every picture a unique name."""
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
                    first_places(row.place for row in bad),
                )
    names = Counter(row.image_id for row in everything(splits))
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        several = {*repeated}
        yield Finding(
            "repeated_name",
            True,
            f"{len(repeated)} names stand for several pictures, first {repeated[0]}",
            "Give each picture a name of its own.",
            first_places(row.place for row in everything(splits) if row.image_id in several),
        )


def shared_captions(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """A caption of many pictures does not distinguish them."""
    for split, rows in splits.items():
        uses = Counter(caption for row in rows for caption in row.folded)
        if len(rows) < limits.min_pictures or not uses:
            continue
        caption, most = uses.most_common(1)[0]
        # In a small split, the caption of a single picture may already be a large fraction.
        if most > max(1, limits.max_caption_share * len(rows)):
            yield Finding(
                "one_caption",
                True,
                f"{most} of {len(rows)} pictures of {split} have the caption {caption!r:.80}",
                "Write captions that tell pictures apart, or leave these pictures out.",
                first_places(row.place for row in rows if caption in row.folded),
            )
        ambiguous = [row for row in rows if all(uses[caption] > 1 for caption in row.folded)]
        if len(ambiguous) > limits.max_ambiguous_share * len(rows):
            yield Finding(
                "ambiguous_captions",
                False,
                f"{len(ambiguous)} of {len(rows)} pictures of {split} share each caption with "
                "another",
                "Expect low retrieval figures; captions with more detail help.",
                first_places(row.place for row in ambiguous),
            )


def languages(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Tags must fit the script, and train must have the languages of val and test."""
    tagged = {
        split: Counter(tag for row in rows for tag in row.languages)
        for split, rows in splits.items()
    }
    wrong: dict[str, list[tuple[Facts, str]]] = defaultdict(list)
    for row in everything(splits):
        for caption, tag in zip(row.captions, row.languages, strict=False):
            if (tag.split("-")[0] == "zh") != bool(_HAN.search(caption)) and _judged(tag):
                wrong[tag].append((row, caption))
    total = sum(tagged.values(), Counter())
    for tag, found in wrong.items():
        yield Finding(
            "language_tag",
            len(found) > limits.max_mislabelled_share * total[tag],
            f"{len(found)} of {total[tag]} captions tagged {tag!r} are in another script, "
            f"such as {found[0][1]!r:.60}",
            "Correct the tags, or leave them out and the script decides; where a setting gives "
            "them, --set ingest.language=null.",
            first_places(row.place for row, _ in found),
        )
    for split, counts in tagged.items():
        missing = sorted(set(counts) - set(tagged.get("train", counts)))
        if missing:
            yield Finding(
                "unseen_language",
                True,
                f"{split} has captions in {', '.join(missing)}, and train has none",
                "Put captions of every language into train, or leave that language out.",
                first_places(row.place for row in splits[split] if set(missing) & {*row.languages}),
            )


def other_languages(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Captions that are tagged as English or Chinese but are neither."""
    found: dict[str, list[tuple[Facts, str]]] = defaultdict(list)
    likely: Counter[str] = Counter()
    total = 0
    for row in everything(splits):
        for caption, tag in zip(row.captions, row.languages, strict=False):
            if _judged(tag):
                total += 1
                tags = other_than(caption)
                likely.update(tags)
                for one in tags:
                    found[one].append((row, caption))
    # If languages share words, only the one that fits most captions is reported.
    for tag, count in likely.most_common(1):
        if count > limits.max_mislabelled_share * total:
            yield Finding(
                "other_language",
                False,
                f"{count} of {total} captions tagged en or zh look like another language, perhaps "
                f"{tag!r}, such as {found[tag][0][1]!r:.60}",
                f"If all captions are in that language, say so: --set ingest.language={tag}. "
                "Otherwise give each row its language tag.",
                first_places(row.place for row, _ in found[tag]),
            )


def _judged(tag: str) -> bool:
    return tag.split("-", maxsplit=1)[0] in ("zh", "en")


def oddities(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Captions that do not describe a picture, or that are damaged."""
    found: dict[str, list[tuple[Facts, str]]] = defaultdict(list)
    for row in everything(splits):
        for caption in row.captions:
            for kind in _kinds(caption):
                found[kind].append((row, caption))
    for kind, several in found.items():
        yield Finding(
            "odd_caption",
            False,
            f"{len(several)} captions {kind}, such as {several[0][1]!r:.60}",
            _ODD_REMEDY[kind],
            first_places(row.place for row, _ in several),
        )


def _kinds(caption: str) -> Iterator[str]:
    if not fold(caption):
        return
    for kind, pattern in _ODD.items():
        if pattern.fullmatch(caption) if kind in _WHOLE else pattern.search(caption):
            yield kind
    if fold(caption) in _PLACEHOLDERS:
        yield "are placeholders"


def repetitions(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """A caption that a picture has twice is weighted twice."""
    twice = [row for row in everything(splits) if len(row.folded) < len(row.captions)]
    if twice:
        yield Finding(
            "repeated_caption",
            False,
            f"{len(twice)} pictures have the same caption twice, such as {twice[0].image_id}",
            "Keep one of them.",
            first_places(row.place for row in twice),
        )


# Files in a data set's folders that are not read, often an incomplete caption file or unexpected
# pictures.

# By reason: name of the check, description of the files, and a remedy.
_NOTES = {
    inventory.UNNAMED: (
        "uncaptioned_files",
        "pictures that no row names",
        "Write rows for them if they are meant to be learned from.",
    ),
    files.LINKED_FOLDER: (
        "linked_folder",
        "links to folders, which are not followed",
        "To have them read, copy the data with what the links lead to, cp -rL DATA COPY, and name "
        "the copy.",
    ),
    files.BROKEN_LINK: (
        "broken_link",
        "links to files that are not there",
        "Put the files there, or remove the links.",
    ),
    files.UNREADABLE_FOLDER: (
        "unreadable_folder",
        "folders that cannot be read",
        "Give the user who runs this the right to read them: chmod -R u+rX FOLDER.",
    ),
    files.SPECIAL: (
        "special_file",
        "pipes, sockets or devices",
        "Remove them; nothing is read from them.",
    ),
}
# Endings of files that accompany data, such as documentation and scripts.
_PLAIN = (".md", ".pdf", ".html", ".db", ".ini", ".py", ".sh", ".yaml", ".yml", ".log")


def unread_files(counted: Inventory | None) -> Iterator[Finding]:
    """Yields a note for each kind of file that is not read, except hidden files and documentation.

    Args:
      counted: the files of a source; None if they are not on this disk.
    """
    if counted is None:
        return
    for reason, (check, what, remedy) in _NOTES.items():
        if reason in counted.ignored:
            found = counted.examples[reason]
            behind = f" ({counted.behind:,} pictures)" if reason == files.LINKED_FOLDER else ""
            said = f"{what}: {counted.ignored[reason]:,}{behind}, such as {found[0]}"
            yield Finding(check, False, said, remedy, found)
    endings = [(name, count) for name, count in counted.endings.items() if name not in _PLAIN]
    if endings:
        kinds = ", ".join(f"{count:,} {name or 'without one'}" for name, count in endings)
        yield Finding(
            "unread_files",
            False,
            f"files whose endings are not read: {kinds}",
            "Nothing is to be done where they are no data. Pictures are read as "
            f"{', '.join(PICTURE_ENDINGS)}; convert others.",
            first_places(
                name
                for name in counted.examples[inventory.OTHER_ENDING]
                if not name.lower().endswith(_PLAIN)
            ),
        )


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
    """Returns the remedy for splits of which one has fewer than `wanted` pictures."""
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
    pairing,
    near_duplicates.decoding,
    shared_captions,
    languages,
    other_languages,
    oddities,
    repetitions,
    near_duplicates.leakage,
    near_duplicates.lookalikes,
    label_checks.contradictions,
    label_checks.spellings,
    label_checks.unseen,
    label_checks.balance,
    label_checks.agreement,
)


def run_all(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Yields the findings of all checks."""
    for check in CHECKS:
        yield from check(splits, limits)
