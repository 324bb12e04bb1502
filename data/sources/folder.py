"""A captioned folder: `captions.jsonl`, `.csv` or `.tsv` beside its images."""

from __future__ import annotations

import posixpath
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from data.sources import files
from data.sources.records import to_row
from data.sources.rows import Reject, Row
from data.sources.source import Source, caption_files_digest
from data.sources.tables import READERS

# `metadata` as Hugging Face's image folders have it.
DEFAULT_NAMES = tuple(f"{stem}{ending}" for stem in ("captions", "metadata") for ending in READERS)


@dataclass(frozen=True)
class CaptionedFolder(Source):
    """Caption files and the folder that their image paths start from.

    Attributes:
      caption_files: one or more paths; rows of one image, in one file or in several, are merged.
      images: the folder that image paths are relative to and may not leave.
    """

    kind: ClassVar[str] = "folder"

    caption_files: tuple[str, ...] = ()
    images: str = ""

    def describe(self) -> str:
        names = ", ".join(posixpath.basename(path) for path in self.caption_files)
        return f"captioned folder {self.images} ({names})"

    def fingerprint(self) -> str:
        return caption_files_digest(self, self.caption_files)

    def _read(self, part: str) -> Iterator[Row | Reject]:
        # Hashes take less memory than names.
        rows = Counter(hash(row.image_id) for row in self._records() if isinstance(row, Row))
        return merge(self._records(), {image: count for image, count in rows.items() if count > 1})

    def _records(self) -> Iterator[Row | Reject]:
        for path in self.caption_files:
            read = READERS[posixpath.splitext(path)[1].lower()]
            for found in read(path, posixpath.basename(path)):
                if isinstance(found, Reject):
                    yield found
                else:
                    where, record = found
                    yield to_row(
                        where,
                        record,
                        folder=self.images,
                        limits=self.limits,
                        language=self.language,
                        policies=self.policies,
                    )


def merge(rows: Iterable[Row | Reject], to_come: dict[int, int]) -> Iterator[Row | Reject]:
    """Yields rejects as they come, and one row per image with the captions of all its rows.

    A row whose split differs from that of an earlier row of its image is rejected. An image comes
    out once its rows, and those of the images that began before it, are read: where the rows of an
    image stand together, no more than one is held.

    Args:
      rows: of all caption files.
      to_come: by the hash of an image's name, how many of `rows` it has if there are several; is
        used up.
    """
    merged: OrderedDict[str, Row] = OrderedDict()
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        first = merged.get(row.image_id)
        if first is None:
            merged[row.image_id] = row
        elif _conflict(first, row):
            detail = f"{row.split}, but {first.split} at {first.where}"
            yield Reject.of(row.where, row.image_id, "conflicting_split", detail)
        else:
            merged[row.image_id] = _join(first, row)
        _count_down(to_come, hash(row.image_id))
        while merged and hash(next(iter(merged))) not in to_come:
            yield merged.popitem(last=False)[1]
    # Files that change while they are read, or names of equal hashes.
    yield from merged.values()


def _count_down(to_come: dict[int, int], image: int) -> None:
    if image in to_come:
        to_come[image] -= 1
        if not to_come[image]:
            del to_come[image]


def _conflict(first: Row, later: Row) -> bool:
    return None not in (first.split, later.split) and first.split != later.split


def _join(first: Row, later: Row) -> Row:
    return replace(
        first,
        captions=first.captions + later.captions,
        languages=first.languages + later.languages,
        attributes=tuple(dict.fromkeys(first.attributes + later.attributes)),
        split=first.split or later.split,
        dropped=first.dropped + later.dropped,
        mended=first.mended + later.mended,
    )


def find_caption_files(folder: str, pattern: str | None) -> tuple[str, ...]:
    """Returns the caption files of a folder, or nothing.

    Args:
      folder: where they stand.
      pattern: names or shell patterns such as `captions*.jsonl`, separated by commas; None takes
        the first that there is of `DEFAULT_NAMES`.
    """
    if pattern is not None:
        return tuple(files.matching(folder, pattern))
    paths = (files.join(folder, name) for name in DEFAULT_NAMES)
    return tuple([path for path in paths if files.is_file(path)][:1])
