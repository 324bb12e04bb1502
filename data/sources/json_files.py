"""Caption files that are one JSON value: COCO's, Karpathy's, and lists as in LAVIS and LLaVA."""

from __future__ import annotations

import json
import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from data.base import files
from data.base.errors import DataError
from data.picture_files import is_picture_name
from data.sources import columns
from data.sources.records import split_called
from data.sources.rows import Reject
from data.sources.tables import Place, read_jsonl

# Keys under which an object may have its list of records.
_LISTS = ("images", "annotations", "data")


def read_json(path: str, name: str) -> Iterator[Place | Reject]:
    """Yields (`name:place`, record) for each picture of a JSON file, or a Reject.

    The file has one of these forms:
    - COCO captions: an object with the lists `images` and `annotations`;
    - Karpathy's splits: an object with the list `images`, each with its `sentences`;
    - a list of records, alone or as `annotations` or `data` of an object;
    - an object of captions or records by the names of the pictures, or of records by number; the
      tags of kohya's `meta_lat.json` are appended to the caption, as in his scripts;
    - an object of lists of records by split;
    - an object on each line, like a .jsonl file.

    Raises:
      DataError: it is not JSON, or has another form.
    """
    content = _load(path)
    yield from read_jsonl(path, name) if content is None else _records(path, name, content)


def read_lines(path: str, name: str) -> Iterator[Place | Reject]:
    """As `read_jsonl`, but also reads a file that is one list of records over several lines."""
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
        yield from _numbered(f"{name}:{key}", map(_with_one_name, held[key]))
    elif content and all(split_called(key) and isinstance(content[key], list) for key in content):
        for split, records in content.items():
            yield from _numbered(f"{name}:{split}", (_in_split(one, split) for one in records))
    elif content and all(map(is_picture_name, content)):
        for picture, captions in content.items():
            given = captions if isinstance(captions, Mapping) else {"captions": captions}
            yield f"{name}:{picture:.60}", _of_picture(picture, given)
    elif content and all(isinstance(one, Mapping) for one in content.values()):
        if not any(
            columns.holds_captions(("image", *_of_picture("", one))) for one in content.values()
        ):
            raise _unknown(path, content)
        for key, given in content.items():
            yield f"{name}:{key:.60}", _of_picture(key, given)
    else:
        raise _unknown(path, content)


def _in_split(record: Any, split: str) -> Any:
    """Returns a record with `split`, if it has none."""
    if not isinstance(record, Mapping) or columns.name_of(record, "split"):
        return record
    return {**record, "split": split}


def _of_picture(key: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the record under a picture's name or a number."""
    record = dict(given)
    if "tags" in record and _is_text(record.get("caption"), record["tags"]):
        said = (record.get("caption"), record.pop("tags"))
        record["caption"] = ", ".join(filter(None, said))
    # DiffusionDB's prompt, seed, steps, scale and sampler.
    if {*record} == {"p", "se", "c", "st", "sa"}:
        record = {"prompt": record["p"]}
    return record if columns.image_of(record) else {"image": key, **record}


def _is_text(*values: Any) -> bool:
    return all(value is None or isinstance(value, str) for value in values)


def _load(path: str) -> list[Any] | dict[str, Any] | None:
    """Returns the list or object in a file; None if it has several values."""
    try:
        with files.unpacked(path) as file:
            content = json.loads(file.read().decode("utf-8-sig"))
    except DataError:
        raise
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


def _with_one_name(record: Any) -> Any:
    """Returns a record of Karpathy's or of TextCaps with a single name of its image.

    Karpathy's `filepath` is the folder of the file. TextCaps' `image_path` begins with `train`,
    but its pictures are in `train_images`.
    """
    if not isinstance(record, Mapping):
        return record
    if {"image_path", "image_name"} <= {*record}:
        # Its question is empty.
        without = {"image_path"} if record.get("question") else {"image_path", "question"}
        return {key: value for key, value in record.items() if key not in without}
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
