"""Caption files that are one JSON value: COCO's, Karpathy's, and lists as LAVIS and LLaVA have."""

from __future__ import annotations

import json
import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from data.errors import DataError
from data.sources import files
from data.sources.rows import Reject
from data.sources.tables import Place, read_jsonl

# Under these an object may hold its list of records.
_LISTS = ("images", "annotations", "data")


def read_json(path: str, name: str) -> Iterator[Place | Reject]:
    """Yields (`name:place`, record) for each picture of a JSON file, or a Reject.

    The file holds one of
    - COCO captions: an object with the lists `images` and `annotations`;
    - Karpathy's splits: an object with the list `images`, each with its `sentences`;
    - a list of records, by itself or as `annotations` or `data` of an object;
    - an object of captions by the names of the pictures;
    - an object on each line, as a .jsonl file.

    Raises:
      DataError: it is no JSON, or holds none of these.
    """
    content = _load(path)
    yield from read_jsonl(path, name) if content is None else _records(path, name, content)


def read_lines(path: str, name: str) -> Iterator[Place | Reject]:
    """As `read_jsonl`; a file that is one list of records over several lines is read as such."""
    first = next((line.strip() for line in files.lines(path) if line.strip()), b"")
    content = None
    if first.startswith(b"["):
        with suppress(DataError):
            content = _load(path)
    listed = isinstance(content, list) and any(isinstance(one, Mapping) for one in content)
    yield from _records(path, name, content) if content and listed else read_jsonl(path, name)


def _records(path: str, name: str, content: list[Any] | dict[str, Any]) -> Iterator[Place | Reject]:
    if isinstance(content, list):
        yield from _numbered(f"{name}:", content)
        return
    held = {key: content[key] for key in _LISTS if isinstance(content.get(key), list)}
    if "images" in held and "annotations" in content and "annotations" not in held:
        raise _unknown(path, content)
    if "images" in held and "annotations" in held:
        yield from _coco(name, held["images"], held["annotations"])
    elif held:
        key = next(iter(held))
        yield from _numbered(f"{name}:{key}", map(_with_folder, held[key]))
    elif content and all(map(files.is_picture_name, content)):
        for picture, captions in content.items():
            given = captions if isinstance(captions, Mapping) else {"captions": captions}
            yield f"{name}:{picture:.60}", {"image": picture, **given}
    else:
        raise _unknown(path, content)


def _load(path: str) -> list[Any] | dict[str, Any] | None:
    """Returns the list or object that a file holds; None where it holds several values."""
    try:
        with files.unpacked(path) as file:
            content = json.loads(file.read().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        if getattr(error, "msg", "") == "Extra data":
            return None
        raise DataError(path, f"this is not UTF-8 JSON: {error}", "Export it again.") from error
    if not isinstance(content, list | dict):
        raise _unknown(path, {})
    return content


def _unknown(path: str, content: Mapping[str, Any]) -> DataError:
    keys = ", ".join(f"{key!r:.40}" for key in list(content)[:6])
    return DataError(
        path,
        "a JSON file of captions is a list of records, an object with the lists images and "
        f"annotations (COCO), or an object of captions by picture; this one has {keys or 'none'}",
        'Write captions.jsonl, a line per image: {"image": "1.jpg", "captions": ["..."]}.',
    )


def _numbered(where: str, records: Sequence[Any] | Iterator[Any]) -> Iterator[Place]:
    for place, record in enumerate(records):
        yield f"{where}[{place}]", record


def _with_folder(record: Any) -> Any:
    """Returns one of Karpathy's images under a single name: `filepath` is the file's folder."""
    if not isinstance(record, Mapping):
        return record
    folder, name = record.get("filepath"), record.get("filename")
    if not isinstance(folder, str) or not isinstance(name, str):
        return record
    rest = {key: value for key, value in record.items() if key not in ("filepath", "filename")}
    return {"image": posixpath.join(folder, name), **rest}


def _coco(name: str, images: list[Any], annotations: list[Any]) -> Iterator[Place | Reject]:
    captions: dict[Any, list[Any]] = defaultdict(list)
    known = {image.get("id") for image in images if _plain_id(image)}
    for place, annotation in enumerate(annotations):
        fault = _annotation_fault(annotation, known)
        if fault:
            yield Reject.of(f"{name}:annotations[{place}]", "", *fault)
        else:
            captions[annotation["image_id"]].append(annotation.get("caption"))
    for place, image in enumerate(images):
        where = f"{name}:images[{place}]"
        if not _plain_id(image):
            yield Reject.of(where, "", "wrong_type", "an image must be an object with an id")
            continue
        said = {"image": image.get("file_name"), "captions": captions[image["id"]]}
        yield where, {**said, "split": image.get("split")}


def _plain_id(image: Any) -> bool:
    return isinstance(image, dict) and isinstance(image.get("id"), int | str)


def _annotation_fault(annotation: Any, known: set[Any]) -> tuple[str, str] | None:
    if not isinstance(annotation, dict) or not isinstance(annotation.get("image_id"), int | str):
        return "wrong_type", "an annotation must be an object with an image_id"
    if not isinstance(annotation.get("caption"), str):
        return "wrong_type", "an annotation's caption must be text"
    if annotation["image_id"] not in known:
        return "unknown_image", f"no image has the id {annotation['image_id']!r:.60}"
    return None
