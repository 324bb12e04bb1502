"""Converts a loosely typed record (a JSON object, a table's row) to a `Row` or a `Reject`."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from data import languages
from data.base import files
from data.languages import HAN
from data.picture_files import is_picture_name
from data.sources import columns, picture_names
from data.sources.rows import DEFAULT_POLICIES, DROP, FILL, KEEP, Limits, Policies, Reject, Row
from data.splits import SPLITS

# Names of splits in other data sets. An `eval` set is used to monitor training, so it is val;
# `restval` are COCO's validation pictures that Karpathy's splits use for training.
_SPLIT_NAMES = {
    "train": ("train", "training", "restval"),
    "val": ("val", "validation", "valid", "dev", "development", "eval", "evaluation"),
    "test": ("test", "testing"),
}
_SPLITS = {name: split for split, names in _SPLIT_NAMES.items() for name in names}
_SPLIT = re.compile(rf"({'|'.join(_SPLITS)})[\s_-]*(?:set|split)?[\s_-]*(?:(?:19|20)\d\d)?")
# Names of the answering party in a conversation, and the keys of a sentence in a list of objects.
_ANSWERS = ("gpt", "assistant", "model")
_SENTENCE_KEYS = ("raw", "caption", "text", "sentence")

# A longer text without a picture's ending is a picture in base64.
_LONGEST_NAME = 1000

_HAN = re.compile(f"[{HAN}]")
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


class _Fault(Exception):
    """A record cannot become a row."""

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def guess_language(caption: str) -> str:
    """Returns `zh` for a caption with a Han character, else `en`."""
    return "zh" if _HAN.search(caption) else "en"


def clean(text: str) -> str:
    """Replaces control characters by spaces, and strips spaces at both ends."""
    plain = (" " if unicodedata.category(mark) == "Cc" else mark for mark in text)
    return "".join(plain).strip()


def split_called(name: str) -> str | None:
    """Returns train, val or test for a data set's name of a split; None for other words.

    A year or `set` may follow the name.
    """
    found = _SPLIT.fullmatch(name.strip().lower())
    return _SPLITS[found[1]] if found else None


def to_row(
    where: str,
    record: Any,
    *,
    folder: str,
    limits: Limits,
    language: str | None = None,
    policies: Policies = DEFAULT_POLICIES,
) -> Row | Reject:
    """Converts one record to a row.

    Args:
      where: the record's place, for messages.
      record: {"image", "captions" or "caption", "language"?, "attributes"?, "split"?}; `columns`
        lists other names of these keys, and keys that are ignored. Captions are texts, objects of a
        text and its language, an object of texts by language, or a list written as text.
        `conversations` instead of captions are LLaVA's: their first answer is the caption.
      folder: to which the image's path is relative.
      limits: of one caption.
      language: BCP-47 tag of all captions; None uses the record's tag, or guesses by script.
      policies: for missing or bad fields.
    """
    image = ""
    mended: list[str] = []
    try:
        if not isinstance(record, Mapping):
            raise _Fault("wrong_type", f"an object was expected, not {_kind(record)}")
        fields = columns.known_fields(record)
        image = picture_names.relative(folder, _image(fields))
        _check_keys(record, policies, mended)
        kept, tags, dropped = _captions(fields, limits, policies, mended)
        return Row(
            where=where,
            image_id=image,
            image=image,
            captions=tuple(kept.values()),
            languages=_languages(fields.get("language"), kept, tags, language, policies, mended),
            attributes=_attributes(fields.get("attributes"), policies, mended),
            split=_split(fields.get("split"), policies, mended),
            folder=folder,
            dropped=dropped,
            mended=tuple(mended),
        )
    except _Fault as fault:
        return Reject.of(where, image, fault.reason, fault.detail)


def _unknown(record: Mapping[str, Any]) -> list[str]:
    """Returns the unknown keys of a record."""
    named = zip(record.items(), columns.roles(tuple(record)), strict=True)
    return [
        name
        for (name, value), role in named
        if role is None or (role == columns.NAMELESS and not columns.is_index(value))
    ]


def _kind(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true/false",
        type(None): "null",
    }
    return names.get(type(value), "a number")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _Fault("wrong_type", f"{name} must be text, not {_kind(value)}")
    if not _encodable(value):
        raise _Fault("invalid_utf8", f"{name} holds bytes that are not UTF-8")
    return value


def _encodable(text: str) -> bool:
    return not any("\ud800" <= mark <= "\udfff" for mark in text)


def _image(record: Mapping[str, Any]) -> str:
    if "image" not in record:
        raise _Fault("malformed_row", "it names no image")
    image = _text(columns.only(record["image"]), "image").strip()
    if len(image) > _LONGEST_NAME and not is_picture_name(image):
        raise _Fault(
            "picture_as_text", f"{image[:40]!r}... of {len(image):,} characters is no name"
        )
    if not image or clean(image) != image:
        raise _Fault("malformed_row", "the image's name is empty or holds control characters")
    if files.is_remote(image):
        raise _Fault("web_address", f"{image:.200} is an address, and no path in the folder")
    return posixpath.normpath(image)


def _check_keys(record: Mapping[str, Any], policies: Policies, mended: list[str]) -> None:
    unknown = _unknown(record)
    if unknown and policies.unknown_key == DROP:
        other = columns.synonym(unknown[0], tuple(record))
        known = f"the same as {other!r:.60}" if other else f"none of {', '.join(columns.NAMES)}"
        raise _Fault("unknown_key", f"{unknown[0]!r:.60} is {known}")
    mended += ["key ignored"] * len(unknown)


def _captions(
    record: Mapping[str, Any], limits: Limits, policies: Policies, mended: list[str]
) -> tuple[dict[int, str], dict[int, Any], tuple[str, ...]]:
    """Returns the kept captions by their index in the record, the languages of single captions by
    the same index, and the reasons why the others are dropped."""
    said = [*_said(record.get("captions")), *_said(record.get("caption"))]
    said += [(one, None) for one in _answer(record.get("conversations"), mended)]
    for tag, value in record.get(columns.TAGGED, ()):
        said += _said(value, tag)
    given = [text for text, _ in said]
    if not all(isinstance(caption, str) for caption in given):
        raise _Fault("wrong_type", "captions must be a list of texts")
    if policies.bad_caption == FILL:
        given = [_cut(caption, limits, mended) for caption in given]
    faults = {place: _caption_fault(caption, limits) for place, caption in enumerate(given)}
    dropped = tuple(fault for fault in faults.values() if fault)
    kept = {place: clean(given[place]) for place, fault in faults.items() if not fault}
    if not kept and policies.no_caption == FILL:
        mended.append("caption filled")
        kept, said = {0: policies.caption_fill}, []
    if not kept or (dropped and policies.bad_caption == DROP):
        which = "no caption" if not kept else "not every caption"
        raise _Fault(dropped[0] if dropped else "empty_caption", f"{which} can be used")
    return kept, {place: tag for place, (_, tag) in enumerate(said) if tag is not None}, dropped


def _said(value: Any, tag: str | None = None) -> list[tuple[Any, Any]]:
    """Returns the captions in a field, each with its own language, if any."""
    if isinstance(value, Mapping):
        found = [languages.called(languages.words_of(str(key))) for key in value]
        if value and all(found):
            pairs = zip(found, value.values(), strict=True)
            return [one for own, said in pairs for one in _sentences(said, own)]
    return _sentences(value, tag)


def _sentences(value: Any, tag: str | None) -> list[tuple[Any, Any]]:
    read = columns.list_in(value) if isinstance(value, str) else None
    if read and all(isinstance(one, str) for one in read):
        value = read
    found: list[tuple[Any, Any]] = []
    for one in columns.listed(value):
        text, own = _sentence(one)
        texts = text if isinstance(one, Mapping) and isinstance(text, list) else [text]
        found += [(each, own or tag) for each in texts]
    return found


def _sentence(given: Any) -> tuple[Any, Any]:
    """Returns text and language of one of Karpathy's sentences, {"raw": ...}, or another object;
    any other value unchanged."""
    if isinstance(given, Mapping):
        text = next((given[key] for key in _SENTENCE_KEYS if key in given), given)
        return text, next((given[key] for key in columns.NAMES["language"] if key in given), None)
    return given, None


def _answer(turns: Any, mended: list[str]) -> list[str]:
    """Returns the first answer of a conversation: later ones answer other questions."""
    said = []
    for turn in columns.listed(turns):
        if not isinstance(turn, Mapping):
            raise _Fault("wrong_type", f"a turn of a conversation is {_kind(turn)}")
        if turn.get("from", turn.get("role")) in _ANSWERS:
            said.append(_text(turn.get("value", turn.get("content")), "an answer"))
    mended += ["later answer left out"] * len(said[1:])
    return said[:1]


def _cut(caption: str, limits: Limits, mended: list[str]) -> str:
    if len(caption) <= limits.max_caption_characters:
        return caption
    mended.append("caption cut")
    return caption[: limits.max_caption_characters]


def _caption_fault(caption: str, limits: Limits) -> str | None:
    if not _encodable(caption):
        return "invalid_utf8"
    if len(caption) > limits.max_caption_characters:
        return "long_caption"
    return None if clean(caption) else "empty_caption"


def _languages(
    given: Any,
    kept: Mapping[int, str],
    tags: Mapping[int, Any],
    override: str | None,
    policies: Policies,
    mended: list[str],
) -> tuple[str, ...]:
    """Returns a tag for each caption in `kept`; `given` applies to those without one in `tags`."""
    if override:
        return (override,) * len(kept)
    missing = any(place not in tags for place in kept) and (given is None or given == "")
    if missing and policies.missing_language == DROP:
        raise _Fault("missing_language", "the row says no language")
    try:
        if isinstance(given, list) and any(p not in tags and len(given) <= p for p in kept):
            raise _Fault("malformed_row", "language lists fewer tags than there are captions")
        one_for_each = isinstance(given, list)
        said = {
            p: tags.get(p, given[p] if one_for_each and p < len(given) else given) for p in kept
        }
        read = {
            place: None if missing and place not in tags else _language(tag)
            for place, tag in said.items()
        }
    except _Fault:
        if policies.bad_language == DROP:
            raise
        read = dict.fromkeys(kept)
    if None in read.values():
        mended.append("language filled" if policies.language_fill else "language guessed")
    return tuple(
        tag or policies.language_fill or guess_language(kept[place]) for place, tag in read.items()
    )


def _language(value: Any) -> str:
    tag = _text(value, "language").strip()
    if not _TAG.fullmatch(tag):
        raise _Fault("malformed_row", f"{tag!r:.60} is no language tag such as en or zh")
    return tag


def _attributes(given: Any, policies: Policies, mended: list[str]) -> tuple[str, ...]:
    """Returns the distinct names of a list of names or a {group: value} object."""
    try:
        found = _attribute_names(given)
    except _Fault:
        if policies.bad_attributes == DROP:
            raise
        if policies.bad_attributes == KEEP:
            mended.append("attributes left out")
            return ()
        mended.append("attributes filled")
        return policies.attributes_fill
    if found or policies.missing_attributes == KEEP:
        return found
    if policies.missing_attributes == DROP:
        raise _Fault("missing_attributes", "the row has no attribute")
    mended.append("attributes filled")
    return policies.attributes_fill


def _attribute_names(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, Mapping):
        given = [f"{group}:{value}" for group, held in given.items() for value in _values(held)]
    if not isinstance(given, list):
        raise _Fault("wrong_type", "attributes must be a list of names or a {group: value} object")
    names = (clean(_text(name, "attributes")) for name in given)
    return tuple(dict.fromkeys(name for name in names if name))


def _values(held: Any) -> list[Any]:
    values = held if isinstance(held, list) else [held]
    if any(isinstance(value, list | Mapping) for value in values):
        raise _Fault("wrong_type", "an attribute's value must be text or a list of texts")
    return [value for value in values if value is not None and value != ""]


def _split(given: Any, policies: Policies, mended: list[str]) -> str | None:
    if given is None or given == "":
        return None
    try:
        split = split_called(_text(given, "split"))
        if split is None:
            raise _Fault("unknown_split", f"{given.strip()!r:.60} is none of {', '.join(SPLITS)}")
        return split
    except _Fault:
        if policies.bad_split == DROP:
            raise
        mended.append("split decided by content")
        return None
