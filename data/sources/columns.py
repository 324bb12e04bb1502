"""What the keys of records and the columns of tables are called, and what their names mean."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

# The names of each field, the one that is read where a record has several of them first. Case,
# blanks, hyphens and underscores do not count. They are those of Hugging Face, Flickr8k, Flickr30k,
# COCO, LAVIS, LLaVA, OpenCLIP, img2dataset and kohya's scripts.
NAMES = {
    "image": (
        "image",
        "file_name",
        "image_path",
        "image_file",
        "image_name",
        "image_filename",
        "img",
        "img_path",
        "path",
        "file_path",
        "file",
        "picture",
        "photo",
        "jpg",
        "image_bytes",
    ),
    "captions": ("captions", "texts", "sentences", "prompts", "raw"),
    "caption": ("caption", "text", "sentence", "prompt", "comment", "description", "title"),
    "conversations": ("conversations", "messages"),
    "language": ("language", "lang"),
    "attributes": ("attributes",),
    "split": ("split", "subset"),
}
# Fields that common data sets have beside these and that say nothing about a picture's content:
# numbers, sizes, addresses, checksums, licences. They are read over.
FURTHER = (
    "id",
    "image_id",
    "img_id",
    "caption_id",
    "comment_number",
    "caption_number",
    "sent_id",
    "sent_ids",
    "coco_id",
    "source_id",
    "index",
    "level_0",
    "index_level_0",
    "key",
    "width",
    "height",
    "original_width",
    "original_height",
    "file_size",
    "aspect_ratio",
    "url",
    "image_url",
    "coco_url",
    "flickr_url",
    "license",
    "date_captured",
    "status",
    "error_message",
    "exif",
    "md5",
    "sha256",
    "phash",
    "similarity",
    "clip_score",
    "aesthetic_score",
    "punsafe",
    "pwatermark",
    "nsfw",
)
IGNORED, NAMELESS = "further column", "nameless column"

_SEPARATORS = re.compile(r"[\s_-]+")
_NUMBERED = re.compile(r"(\D+)(\d+)")
_NAMELESS = re.compile(r"(unnamed:[\d.]+)?")


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name).lower()


_ROLES = {
    _plain(name): (role, rank) for role, names in NAMES.items() for rank, name in enumerate(names)
}
_FURTHER = frozenset(map(_plain, FURTHER))


@functools.lru_cache(maxsize=256)
def roles(names: tuple[str, ...]) -> tuple[str | None, ...]:
    """Returns what each name of a record's keys, or of a table's columns, stands for.

    `caption1, caption2, ...` are captions, as are `text_1` and so on. Of several names of one field
    the one that comes first in `NAMES` is read; the others mean nothing.

    Returns:
      For each name a key of `NAMES`; `IGNORED` for one of `FURTHER`; `NAMELESS` for the index that
      pandas writes (no name, or `Unnamed: 0`); None for a name that means nothing.
    """
    meant = [_role(_plain(name)) for name in names]
    best: dict[str, int] = {}
    for role, rank in meant:
        if rank is not None:
            best[role] = min(rank, best.get(role, rank))
    return tuple(
        (role or None) if rank is None or best[role] == rank else None for role, rank in meant
    )


def _role(name: str) -> tuple[str, int | None]:
    if _NAMELESS.fullmatch(name):
        return NAMELESS, None
    if name in _ROLES:
        return _ROLES[name]
    numbered = _NUMBERED.fullmatch(name)
    if numbered and _ROLES.get(numbered[1], ("", 0))[0] == "caption":
        return _ROLES[numbered[1]]
    return (IGNORED if name in _FURTHER else ""), None


def synonym(name: str, names: Sequence[str]) -> str | None:
    """Returns the one of `names` that is read in place of `name`, where both mean the same."""
    role, rank = _role(_plain(name))
    read = (other for other, one in zip(names, roles(tuple(names)), strict=True) if one == role)
    return next(read, None) if rank is not None else None


def known_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of a record that mean something by their roles, the keys of `NAMES`.

    Of numbered captions the list of all.
    """
    fields: dict[str, Any] = {}
    for name, role in zip(record, roles(tuple(record)), strict=True):
        if role == "caption":
            fields["caption"] = [*fields.get("caption", []), *listed(record[name])]
        elif role in NAMES:
            fields[str(role)] = record[name]
    return fields


def listed(value: Any) -> list[Any]:
    """Returns a list as it is, nothing as an empty one, and any other value in one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def name_of(record: Mapping[str, Any], role: str) -> str | None:
    """Returns what a record calls one of `NAMES`, if it has it."""
    named = zip(record, roles(tuple(record)), strict=True)
    return next((name for name, meant in named if meant == role), None)


def image_of(record: Any) -> str | None:
    """Returns the text that a record has for its image, if any."""
    name = name_of(record, "image") if isinstance(record, Mapping) else None
    image = record[name] if name is not None else None
    return image if isinstance(image, str) else None


def holds_captions(names: Sequence[str]) -> bool:
    """Whether records of these keys, or tables of these columns, name pictures and captions."""
    found = roles(tuple(names))
    return "image" in found and bool({"caption", "captions", "conversations"} & {*found})


def is_index(value: object) -> bool:
    """Whether a value without a name may be read over: nothing, or the number of a row."""
    return value is None or isinstance(value, int | float) or not re.search(r"[^\d\s.]", str(value))
