"""COCO captions: one JSON file with `images` and `annotations`, and a folder of pictures."""

from __future__ import annotations

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from data.errors import DataError
from data.sources import files
from data.sources.records import to_row
from data.sources.rows import Reject, Row
from data.sources.source import Source, caption_files_digest


@dataclass(frozen=True)
class CocoCaptions(Source):
    """One or more COCO captions files.

    A `split` on an image is honoured. Without it, several files named after splits, such as
    captions_train2017.json and captions_val2017.json, give theirs; one file alone is split anew.

    Attributes:
      caption_files: paths of the JSON files.
      images: the folder of the pictures; None looks beside each file.
    """

    kind: ClassVar[str] = "coco"

    caption_files: tuple[str, ...] = ()
    images: str | None = None

    def describe(self) -> str:
        names = ", ".join(posixpath.basename(path) for path in self.caption_files)
        return f"COCO captions {names} in {posixpath.dirname(self.caption_files[0])}"

    def fingerprint(self) -> str:
        return caption_files_digest(self, self.caption_files)

    def parts(self) -> tuple[str, ...]:
        return self.caption_files

    def _read(self, part: str) -> Iterator[Row | Reject]:
        content, name = load(part), posixpath.basename(part)
        folder = self._folder(part, content["images"])
        captions: dict[Any, list[Any]] = defaultdict(list)
        known = {image.get("id") for image in content["images"] if _plain_id(image)}
        for place, annotation in enumerate(content["annotations"]):
            fault = _annotation_fault(annotation, known)
            if fault:
                yield Reject.of(f"{name}:annotations[{place}]", "", *fault)
            else:
                captions[annotation["image_id"]].append(annotation.get("caption"))
        for place, image in enumerate(content["images"]):
            yield self._row(f"{name}:images[{place}]", image, captions, folder, self._split(part))

    def _row(
        self, where: str, image: Any, captions: dict[Any, list[Any]], folder: str, split: str | None
    ) -> Row | Reject:
        if not _plain_id(image):
            return Reject.of(where, "", "wrong_type", "an image must be an object with an id")
        record = {
            "image": image.get("file_name"),
            "captions": captions[image["id"]],
            "split": image.get("split", split),
        }
        return to_row(
            where,
            record,
            folder=folder,
            limits=self.limits,
            language=self.language,
            policies=self.policies,
        )

    def _split(self, path: str) -> str | None:
        if len(self.caption_files) == 1:
            return None
        words = re.findall(r"train|val|test", posixpath.basename(path))
        return words[0] if len(words) == 1 else None

    def _folder(self, path: str, images: Sequence[Any]) -> str:
        candidates = [self.images] if self.images else list(_image_folders(path))
        names = [image.get("file_name") for image in images if isinstance(image, dict)][:20]
        for folder in candidates:
            if any(isinstance(name, str) and _stands(folder, name) for name in names):
                return folder
        raise DataError(
            path,
            f"none of its first images is in {', '.join(candidates)}",
            "Name the folder of the pictures with the option `images`.",
        )


def _stands(folder: str, name: str) -> bool:
    return files.inside(folder, name) and files.is_file(files.join(folder, name))


def _image_folders(path: str) -> Iterator[str]:
    """Yields where the pictures of a COCO file usually are."""
    here = posixpath.dirname(path) or "."
    above = posixpath.dirname(here) or "."
    part = posixpath.splitext(posixpath.basename(path))[0].removeprefix("captions_")
    for base in dict.fromkeys((here, above)):
        yield from (base, *(files.join(base, name) for name in ("images", part, f"images/{part}")))


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


def load(path: str) -> dict[str, Any]:
    """Returns a COCO captions file; raises DataError when it is none."""
    try:
        content = json.loads(files.read(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(path, f"this is not UTF-8 JSON: {error}", "Export it again.") from error
    lists = isinstance(content, dict) and all(
        isinstance(content.get(key), list) for key in ("images", "annotations")
    )
    if not lists:
        raise DataError(
            path,
            "a COCO captions file holds an object with the lists images and annotations",
            "Name such a file, or write captions.jsonl, a line per image.",
        )
    return content
