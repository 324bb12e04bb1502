"""Caption files (tables, JSON lines and JSON) and the pictures that their rows name."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, ClassVar

from data import languages
from data.base import files
from data.base.errors import DataError
from data.picture_files import is_picture_name
from data.sources import columns, containers, picture_names
from data.sources.json_files import read_json, read_lines
from data.sources.records import split_called
from data.sources.rows import Reject, Row
from data.sources.source import Source, caption_files_digest
from data.sources.tables import READERS as TABLES
from data.sources.tables import Place, Reader

JSON = ".json"
READERS: dict[str, Reader] = {
    **TABLES,
    **dict.fromkeys((".jsonl", ".ndjson"), read_lines),
    JSON: read_json,
    **dict.fromkeys(containers.COLUMNAR, containers.read_columns),
}

# The words of a name in snake_case, camelCase and the like.
_WORDS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Number of first rows of a file that are used to find the folder of its pictures.
_AHEAD = 20


@dataclass(frozen=True)
class CaptionFile:
    """One caption file.

    Attributes:
      path: of the file.
      split: of its rows without a split; None decides each by content.
    """

    path: str
    split: str | None = None


@dataclass(frozen=True)
class CaptionedFolder(Source):
    """Caption files and the folder to which their image paths are relative.

    Attributes:
      caption_files: one or more; rows of the same image are merged, except across files in
        different folders or with different splits.
      images: the folder to which image paths are relative, and which they may not leave. None for
        JSON files, whose pictures are in one of the usual folders next to them or above.
      search: whether the pictures of a file may also be next to it, or in a folder below `images`
        that has the pictures of its first rows.
      lists: files with names of pictures, each with the split of pictures whose rows have none.
    """

    kind: ClassVar[str] = "folder"

    caption_files: tuple[CaptionFile, ...] = ()
    images: str | None = None
    search: bool = True
    lists: tuple[CaptionFile, ...] = ()

    def describe(self) -> str:
        held = ", ".join(map(self._name, self.caption_files))
        return f"captioned folder {self.images or self.path} ({held})"

    def fingerprint(self) -> str:
        return caption_files_digest(self, self.texts()[0])

    def folders(self) -> tuple[str, ...]:
        named = (self.images or "", self.path if files.is_folder(self.path) else "")
        return tuple(filter(None, named))

    def texts(self) -> tuple[Sequence[str], Sequence[str]]:
        return [file.path for file in (*self.caption_files, *self.lists)], ()

    def parts(self) -> tuple[str, ...]:
        return tuple(self._groups())

    def _groups(self) -> dict[str, list[CaptionFile]]:
        """Returns groups of files whose rows are merged, by the path of the first file."""
        groups: dict[tuple[str, str | None], list[CaptionFile]] = {}
        for file in self.caption_files:
            groups.setdefault((posixpath.dirname(file.path), file.split), []).append(file)
        return {group[0].path: group for group in groups.values()}

    def _read(self, part: str) -> Iterator[Row | Reject]:
        group = self._groups()[part]
        # Hashes take less memory than names.
        rows = Counter(_image(row) for row in self._records(group) if isinstance(row, Row))
        repeated = {image: count for image, count in rows.items() if count > 1}
        return merge(self._records(group), repeated)

    def _records(self, group: Sequence[CaptionFile]) -> Iterator[Row | Reject]:
        for file in group:
            try:
                yield from self._rows_of(file)
            except OSError as error:
                why = error.strerror or error
                remedy = "Copy it again, or give the user who runs this the right to read it."
                raise DataError(file.path, f"it cannot be read: {why}", remedy) from error

    def _rows_of(self, file: CaptionFile) -> Iterator[Row | Reject]:
        found = READERS[ending_of(file.path)](file.path, self._name(file))
        ahead = list(islice(found, _AHEAD))
        folder = self._folder(file, ahead)
        inner = relative(folder, self.images or "")
        splits = folder_splits(self.images) if self.images else {}
        listed = _listed(self.lists)
        tag = _language_in(file.path)
        for each in chain(ahead, found):
            row = each if isinstance(each, Reject) else self._row_of(*each, folder, tag)
            # Files in several folders may use the same name for different pictures.
            if isinstance(row, Reject):
                row = replace(row, image=row.image and _below(inner, row.image))
            else:
                name = _below(inner, row.image_id)
                lists = _lists_of(listed, str(row.image), name)
                split = row.split or file.split or next(iter(lists), None)
                split = split or splits.get(name.partition("/")[0])
                row = replace(row, image_id=name, split=split)
                if len(lists) > 1 and split == next(iter(lists)):
                    said = " and ".join(f"{split} in {list_}" for split, list_ in lists.items())
                    row = Reject.of(row.where, name, "conflicting_split", said)
            yield row

    def _row_of(self, where: str, record: Any, folder: str, tag: str | None) -> Row | Reject:
        """Returns the row of a record; `tag` is the language in the file's name, if any."""
        if tag and isinstance(record, Mapping) and not columns.name_of(record, "language"):
            record = {**record, "language": tag}
        return self._to_row(where, record, folder)

    def _name(self, file: CaptionFile) -> str:
        """Returns a file's name for messages: its path relative to `images`, or its name."""
        return relative(file.path, self.images or "") or posixpath.basename(file.path)

    def _folder(self, file: CaptionFile, ahead: Sequence[Place | Reject]) -> str:
        """Returns the folder to which the image paths of a file are relative."""
        records = (each[1] for each in ahead if not isinstance(each, Reject))
        wanted = [name for name in map(columns.image_of, records) if name]
        candidates = list(dict.fromkeys(self._candidates(file)))
        most, best = 0, None
        for folder in candidates if wanted else ():
            standing = sum(_stands(folder, name) for name in wanted)
            if standing > most:
                most, best = standing, folder
            if standing == len(wanted):
                break
        if not best and wanted and self.search:
            self._check_behind(file, wanted)
        if best or self.images or not wanted:
            return best or self.images or candidates[0]
        raise DataError(
            file.path,
            f"none of its first images is in {', '.join(candidates[:8])}",
            "Name the folder that their paths start from: --set ingest.images=DIR.",
        )

    def _check_behind(self, file: CaptionFile, wanted: Sequence[str]) -> None:
        """Raises DataError if the pictures of a file, none of which was found, are behind a link to
        a folder, or in an archive."""
        base = self.images or posixpath.dirname(file.path) or "."
        for place in (base, *_folders_below(base)):
            for link in (files.join(place, name) for name in files.folders_in(place, links=True)):
                if any(_stands(link, name) for name in wanted):
                    raise DataError(
                        file.path,
                        f"its pictures are behind {link}, and links to folders are not followed",
                        f"Name the folder: --set ingest.images={shlex.quote(link)}. Or copy the "
                        "data with what their links lead to, cp -rL DATA COPY, and name COPY.",
                    )
        packed = sorted(filter(containers.is_archive, files.names_in(base)), key=files.natural_key)
        if packed and not any(map(is_picture_name, files.below(base))):
            raise DataError(
                file.path,
                f"there is no picture in {base}, but {packed[0]}",
                containers.unpacking(base, packed[0]),
            )

    def _candidates(self, file: CaptionFile) -> Iterator[str]:
        """Yields possible folders of the pictures of a caption file, most likely first."""
        here = posixpath.dirname(file.path) or "."
        if self.images and not self.search:
            yield from (self.images, files.join(self.images, posixpath.basename(here)))
            return
        above = self.images or posixpath.dirname(here) or "."
        stem = posixpath.basename(file.path).partition(".")[0].removeprefix("captions_")
        for base in (here, above):
            usual = (name for name in _usual(stem) if not picture_names.passes_link(base, name))
            yield from (base, *(files.join(base, name) for name in usual))
        yield from _folders_below(self.images or here)
        # A folder with captions only; the folder that the user named is not left.
        inner = relative(here, self.path.rstrip("/")) or file.path == self.path
        if inner and not any(map(_has_pictures, (here, *_folders_below(here)))):
            yield from _folders_below(posixpath.dirname(here) or ".")


def _usual(stem: str) -> tuple[str, ...]:
    return "images", stem, f"images/{stem}"


def _folders_below(folder: str) -> Iterator[str]:
    """Yields the subfolders of a local folder and their subfolders."""
    for name in () if files.is_remote(folder) else files.folders_in(folder):
        inner = files.join(folder, name)
        yield from (inner, *(files.join(inner, one) for one in files.folders_in(inner)))


def _has_pictures(folder: str) -> bool:
    return any(map(is_picture_name, files.names_in(folder)))


def ending_of(path: str) -> str:
    """Returns the ending of a file's name in lower case, without that of a compression."""
    return posixpath.splitext(files.without_packing(path.lower()))[1]


def with_splits(paths: Sequence[str]) -> tuple[CaptionFile, ...]:
    """Returns caption files with the splits in the names of their folders or files.

    `val/metadata.jsonl`, `captions_val2017.json` and `dev.csv` are splits only if there is a file
    of another split: a single file is the whole data set.
    """
    splits = [split_in(path) for path in paths]
    several = len({split for split in splits if split}) > 1
    named = zip(paths, splits, strict=True)
    return tuple(CaptionFile(path, split if several else None) for path, split in named)


def split_in(path: str) -> str | None:
    """Returns the split in the name of a file's folder or of the file: `val/x.csv`, `dev.csv`,
    `Flickr_8k.devImages.txt`."""
    folder, name = posixpath.split(path)
    words = _WORDS.findall(posixpath.splitext(name)[0])
    found = {split for split in map(split_called, words) if split}
    return split_called(posixpath.basename(folder)) or (found.pop() if len(found) == 1 else None)


def _language_in(path: str) -> str | None:
    """Returns the language tag at the end of a file's name, such as `captions_zh.csv`."""
    words = languages.words_of(posixpath.basename(path).partition(".")[0])
    tag = languages.called(words[-1:]) if len(words) > 1 else None
    return None if tag in languages.WORDS_TOO else tag


def _listed(lists: Sequence[CaptionFile]) -> dict[str, dict[str, str]]:
    """Returns, for each name in the lists of pictures, its splits with the list of each."""
    found: dict[str, dict[str, str]] = {}
    for one in lists:
        for line in files.lines(one.path):
            if line.strip():
                stem = _stem(line.decode("utf-8", "surrogateescape").strip())
                found.setdefault(stem, {})[str(one.split)] = posixpath.basename(one.path)
    return found


def _lists_of(listed: Mapping[str, dict[str, str]], *images: str) -> Mapping[str, str]:
    """Returns the splits of a picture in the lists, by its paths or its name only."""
    stems = [_stem(image) for image in images] if listed else []
    for stem in (*stems, *map(posixpath.basename, stems)):
        if stem in listed:
            return listed[stem]
    return {}


def _stem(image: str) -> str:
    """Returns a picture's path without its ending, because some lists omit it."""
    image = picture_names.same(posixpath.normpath(image))
    return posixpath.splitext(image)[0] if is_picture_name(image) else image


def folder_splits(folder: str) -> dict[str, str]:
    """Returns the split of each folder in `folder` with the name of one, if there are several.

    Returns none on a remote store, where listing is slow.
    """
    if files.is_remote(folder):
        return {}
    # A row may name a picture through a link that stays in the folder.
    inner = (*files.folders_in(folder), *files.folders_in(folder, links=True))
    splits = {name: split_called(name) for name in inner}
    known = {name: split for name, split in splits.items() if split}
    return known if len({*known.values()}) > 1 else {}


def relative(path: str, root: str) -> str:
    """Returns a path below `root` relative to it; "" for other paths."""
    return path[len(root) + 1 :] if root and path.startswith(f"{root}/") else ""


def _stands(folder: str, name: str) -> bool:
    name = picture_names.relative(folder, posixpath.normpath(name))
    return files.inside(folder, name) and picture_names.find(folder, name) is not None


def _below(inner: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(inner, name))


def merge(rows: Iterable[Row | Reject], to_come: dict[int, int]) -> Iterator[Row | Reject]:
    """Yields rejects immediately, and one row per image with the captions of all its rows.

    A row whose split differs from that of an earlier row of its image is rejected. The rows of an
    image are merged once, when the last one is read, so the time is linear in their number. An
    image is yielded when its rows, and those of all images that started before it, are read: if the
    rows of each image are adjacent, only one image is in memory.

    Args:
      rows: of all caption files.
      to_come: by `_image`, the number of its rows, if there are several; modified.
    """
    held: OrderedDict[int, list[Row]] = OrderedDict()
    splits: dict[int, Row] = {}
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        image = _image(row)
        placed = splits.get(image)
        if placed is not None and row.split not in (None, placed.split):
            detail = f"{row.split}, but {placed.split} at {placed.where}"
            yield Reject.of(row.where, row.image_id, "conflicting_split", detail)
        else:
            held.setdefault(image, []).append(row)
            if row.split is not None:
                splits.setdefault(image, row)
        _count_down(to_come, image)
        while held and next(iter(held)) not in to_come:
            image, several = held.popitem(last=False)
            splits.pop(image, None)
            yield _joined(several)
    # Not empty only if files changed while they were read.
    yield from map(_joined, held.values())


def _image(row: Row) -> int:
    """Returns a hash of an image's name, which is the same for all spellings of the name."""
    return hash(picture_names.same(row.image_id))


def _count_down(to_come: dict[int, int], image: int) -> None:
    if image in to_come:
        to_come[image] -= 1
        if not to_come[image]:
            del to_come[image]


def _joined(rows: Sequence[Row]) -> Row:
    """Merges the rows of an image into the first one; a single row is returned unchanged."""
    if len(rows) == 1:
        return rows[0]

    def all_of(field: str) -> tuple[str, ...]:
        return tuple(chain.from_iterable(getattr(row, field) for row in rows))

    return replace(
        rows[0],
        captions=all_of("captions"),
        languages=all_of("languages"),
        attributes=tuple(dict.fromkeys(all_of("attributes"))),
        split=next((row.split for row in rows if row.split), None),
        dropped=all_of("dropped"),
        mended=all_of("mended"),
    )
