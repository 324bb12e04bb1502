"""Checks of captions and their languages."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from data.checking.facts import Facts, Splits, everything, fold
from data.checking.findings import CheckLimits, Finding, first_places
from data.languages import HAN, other_than

_HAN = re.compile(f"[{HAN}]")

# What is seldom meant to be learned from, by what it is.
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
    """A caption that fits many pictures teaches nothing about any of them."""
    for split, rows in splits.items():
        uses = Counter(caption for row in rows for caption in row.folded)
        if len(rows) < limits.min_pictures or not uses:
            continue
        caption, most = uses.most_common(1)[0]
        # In a small split, the caption of a single picture may be a large part.
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
    """Tags have to fit the script, and the languages of val and test have to be learned first."""
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
    """Captions that are taken for English or Chinese and are neither."""
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
    # Of languages that share words, the one that fits most captions.
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
    """Captions that say nothing of a picture, or that were damaged on their way."""
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
    """A caption that a picture has twice counts twice."""
    twice = [row for row in everything(splits) if len(row.folded) < len(row.captions)]
    if twice:
        yield Finding(
            "repeated_caption",
            False,
            f"{len(twice)} pictures have the same caption twice, such as {twice[0].image_id}",
            "Keep one of them.",
            first_places(row.place for row in twice),
        )
