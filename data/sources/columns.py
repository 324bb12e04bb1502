"""The meaning of the names of keys in records and columns in tables."""

from __future__ import annotations

import ast
import functools
import io
import json
import re
import shlex
import tokenize
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from data import languages

# The names of each field by precedence. Case, spaces, hyphens, underscores, dots and slashes are
# ignored. They are those of Hugging Face, Flickr8k, Flickr30k, COCO, LAVIS, LLaVA, OpenCLIP,
# img2dataset, TextCaps, Crossmodal-3600 and kohya's scripts. An id is the picture's name if a
# record has no other.
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
        "images",
        "image_id",
        "img_id",
        "image_key",
    ),
    "captions": ("captions", "texts", "sentences", "prompts", "raw"),
    "caption": (
        "caption",
        "text",
        "sentence",
        "prompt",
        "comment",
        "description",
        "title",
        "caption_str",
    ),
    "conversations": ("conversations", "messages"),
    "language": ("language", "lang"),
    "attributes": ("attributes",),
    "split": ("split", "subset", "partition", "set_name", "split_name"),
}
# Other fields of common data sets, unrelated to a picture's content: numbers, sizes, addresses,
# checksums, licences, sources of captions. They are ignored.
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
    "question_id",
    "image_locale",
    "caption_tokens",
    "reference_strs",
    "reference_tokens",
    "image_classes",
    "train_resolution",
    "source_id",
    "index",
    "level_0",
    "index_level_0",
    "key",
    "width",
    "height",
    "original_width",
    "original_height",
    "image_width",
    "image_height",
    "file_size",
    "aspect_ratio",
    "url",
    "image_url",
    "coco_url",
    "flickr_url",
    "flickr_original_url",
    "flickr_300k_url",
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
TAGGED = "captions by language"

_SAID = ("caption", "captions")
# Tokens around the texts of a list in Python.
_AROUND = (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)

_SEPARATORS = re.compile(r"[\s_./-]+")
_NUMBERED = re.compile(r"(\D+)(\d+)")
_NAMELESS = re.compile(r"(unnamed:[\d.]+)?")


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name).lower()


_ROLES = {
    _plain(name): (role, rank) for role, names in NAMES.items() for rank, name in enumerate(names)
}
_FURTHER = frozenset(map(_plain, FURTHER))


class _Meaning(NamedTuple):
    """The possible meaning of a name.

    Attributes:
      role: a key of `NAMES`, `NAMELESS`, or "".
      rank: its precedence among the names of its role; None if all are read.
      tag: the tag of the language in the name.
      doubtful: whether it has this meaning only together with others of its kind: `caption_id` with
        `caption_en`.
    """

    role: str = ""
    rank: int | None = None
    tag: str | None = None
    doubtful: bool = False


@functools.lru_cache(maxsize=256)
def roles(names: tuple[str, ...]) -> tuple[str | None, ...]:
    """Returns the role of each name of a record's keys or of a table's columns.

    `caption1, caption2, ...`, `text_1` and so on are captions, and so are `caption_en`, `zh_text`
    and the like, whose language `tags` returns. If there are no such names, names of languages are
    captions: `en`, `Chinese`. Of several names of a field, the one that comes first in `NAMES` is
    read; the others have no role.

    Returns:
      For each name, a key of `NAMES`; `IGNORED` for one of `FURTHER`; `NAMELESS` for the index that
      pandas writes (no name, or `Unnamed: 0`); None for an unknown name.
    """
    return tuple(one.role or None for one in _meanings(names))


@functools.lru_cache(maxsize=256)
def tags(names: tuple[str, ...]) -> tuple[str | None, ...]:
    """Returns the BCP-47 tag in each name that `roles` treats as a caption, else None."""
    return tuple(one.tag if one.role in _SAID else None for one in _meanings(names))


def _meanings(names: tuple[str, ...]) -> list[_Meaning]:
    """Returns the meanings of names in combination; unknown names have no role."""
    meant = [_meaning(name) for name in names]
    sure = {(one.role, one.tag is not None) for one in meant if not one.doubtful}
    if not any(role in (*_SAID, "conversations") for role, _ in sure):
        meant = [_language_alone(name, one) for name, one in zip(names, meant, strict=True)]
        sure = {(one.role, one.tag is not None) for one in meant if not one.doubtful}
    meant = [one if not one.doubtful or (one.role, True) in sure else _Meaning() for one in meant]
    best: dict[str, int] = {}
    for one in meant:
        if one.rank is not None:
            best[one.role] = min(one.rank, best.get(one.role, one.rank))
    read = [one.role and (one.rank is None or best[one.role] == one.rank) for one in meant]
    further = (_Meaning(IGNORED if _plain(name) in _FURTHER else "") for name in names)
    return [one if stays else other for one, stays, other in zip(meant, read, further, strict=True)]


def _meaning(name: str) -> _Meaning:
    plain = _plain(name)
    if _NAMELESS.fullmatch(plain):
        return _Meaning(NAMELESS)
    if plain in _ROLES:
        return _Meaning(*_ROLES[plain])
    numbered = _NUMBERED.fullmatch(plain)
    if numbered and _ROLES.get(numbered[1], ("", 0))[0] == "caption":
        return _Meaning(*_ROLES[numbered[1]])
    words = [word for word in languages.words_of(name) if not word.isdecimal()]
    for cut in range(1, len(words)):
        head, rest = words[:cut], words[cut:]
        for stem, said in ((head, rest), (rest, head)):
            role, rank = _ROLES.get("".join(stem).lower(), ("", 0))
            tag = languages.called(said)
            if role in _SAID and tag:
                return _Meaning(role, rank, tag, tag in languages.WORDS_TOO)
    return _Meaning()


def _language_alone(name: str, meant: _Meaning) -> _Meaning:
    """Returns the meaning of a name that is a language; for others, their given meaning."""
    tag = None if meant.role else languages.called(languages.words_of(name))
    return _Meaning("caption", 0, tag, tag in languages.WORDS_TOO) if tag else meant


def synonym(name: str, names: Sequence[str]) -> str | None:
    """Returns the name that is read instead of `name`, if both have the same meaning."""
    meant = _meaning(name)
    named = zip(names, roles(tuple(names)), strict=True)
    read = (other for other, role in named if role == meant.role)
    return next(read, None) if meant.rank is not None else None


def known_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of a record with a role, by their roles, the keys of `NAMES`.

    Numbered captions become a list; `TAGGED` has a list of pairs, the tag and the value of each key
    that names a language.
    """
    names = tuple(record)
    fields: dict[str, Any] = {}
    for name, role, tag in zip(names, roles(names), tags(names), strict=True):
        if tag is not None:
            if not is_number(tag, record[name]):
                fields.setdefault(TAGGED, []).append((tag, record[name]))
        elif role == "caption":
            fields["caption"] = [*fields.get("caption", []), *listed(record[name])]
        elif role in NAMES:
            fields[str(role)] = record[name]
    return fields


def is_number(tag: str, value: object) -> bool:
    """Whether the value of a name such as `caption_id` is an id or a number rather than a caption
    in Indonesian: none of its texts has two words."""
    texts = (one for one in listed(value) if isinstance(one, str))
    return tag in languages.WORDS_TOO and not any(" " in text.strip() for text in texts)


def list_in(text: str) -> list[Any] | None:
    """Parses a list as written by JSON, Python or NumPy; returns None for other texts."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        return json.loads(text)
    except RecursionError:
        return None
    except ValueError:
        return _python_list(text)


def _python_list(text: str) -> list[Any] | None:
    """Returns the texts of a list in Python; NumPy writes no commas between them."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.STRING:
                found.append(ast.literal_eval(token.string))
            elif token.type not in _AROUND and token.string not in ("[", "]", ","):
                return None
    except (tokenize.TokenError, SyntaxError, ValueError):
        return None
    return found or None


def is_address(name: str) -> bool:
    """Whether a column with this name has the URLs of pictures."""
    return _plain(name) in ("url", "imageurl", "cocourl", "flickrurl")


def fetching(path: str, address: str, caption: str) -> str:
    """Returns the command that downloads the pictures of a table of URLs.

    Args:
      path: of the table; its ending is img2dataset's name of the format.
      address, caption: names of its columns.
    """
    form = path.lower().rpartition(".")[2]
    return (
        "Its pictures are addresses. Fetch them by img2dataset (pip install img2dataset), and name "
        f"my-shards: img2dataset --url_list {shlex.quote(path)} --input_format {form} --url_col "
        f"{shlex.quote(address)} --caption_col {shlex.quote(caption)} --output_format webdataset "
        "--output_folder my-shards"
    )


def listed(value: Any) -> list[Any]:
    """Returns a list unchanged, None as an empty list, and any other value as a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def name_of(record: Mapping[str, Any], role: str) -> str | None:
    """Returns a record's name for a role of `NAMES`, if it has the field."""
    named = zip(record, roles(tuple(record)), strict=True)
    return next((name for name, meant in named if meant == role), None)


def image_of(record: Any) -> str | None:
    """Returns the text of a record's image field, if any."""
    name = name_of(record, "image") if isinstance(record, Mapping) else None
    image = only(record[name]) if name is not None else None
    return image if isinstance(image, str) else None


def only(value: Any) -> Any:
    """Returns the only picture of a list of one; any other value unchanged."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def holds_captions(names: Sequence[str]) -> bool:
    """Whether records with these keys, or tables with these columns, have pictures and captions."""
    found = roles(tuple(names))
    return "image" in found and bool({"caption", "captions", "conversations"} & {*found})


def is_index(value: object) -> bool:
    """Whether a value without a name can be ignored: it is empty or the number of a row."""
    return value is None or isinstance(value, int | float) or not re.search(r"[^\d\s.]", str(value))
