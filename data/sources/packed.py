"""Files with pictures and captions together: tar shards of WebDataset, Parquet and Arrow."""

from __future__ import annotations

import abc
import errno
import json
import posixpath
import shutil
import tarfile
import tempfile
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from data.base import files
from data.base.errors import DataError
from data.picture_files import is_picture_name
from data.sources import columns, containers
from data.sources.captioned_folder import READERS, CaptionFile, relative
from data.sources.containers import read_columns
from data.sources.rows import Reject, Row
from data.sources.source import Source, digest
from data.sources.text_files import ENDINGS, LINES, captions_in, in_language, language_of

# Number of bytes that are decompressed at once.
_PIECE = 2**20
_CAPTIONS = ("caption", "captions", "conversations")


@dataclass(frozen=True)
class Packed(Source, abc.ABC):
    """Files with the bytes of pictures and their captions; each is read independently.

    Attributes:
      shards: the files, with the splits in their names.
      root: the folder to which messages and names of pictures are relative.
    """

    shards: tuple[CaptionFile, ...] = ()
    root: str = ""

    def describe(self) -> str:
        count = len(self.shards)
        return f"{count:,} {self.kind} file{'s' if count > 1 else ''} in {self.root}"

    def fingerprint(self) -> str:
        stamps = [files.stamp(shard.path) or files.size(shard.path) for shard in self.shards]
        names = [self._name(shard.path) for shard in self.shards]
        return digest([names, stamps, self.language, self.resplit])

    def holds_pictures(self) -> bool:
        return True

    def folders(self) -> tuple[str, ...]:
        return (self.root,)

    def texts(self) -> tuple[Sequence[str], Sequence[str]]:
        return self.parts(), ()

    def parts(self) -> tuple[str, ...]:
        return tuple(shard.path for shard in self.shards)

    def _name(self, path: str) -> str:
        return relative(path, self.root) or posixpath.basename(path)

    def _read(self, part: str) -> Iterator[Row | Reject]:
        split = {shard.path: shard.split for shard in self.shards}[part]
        for row in self._rows_of(part, self._name(part)):
            if isinstance(row, Row) and row.split is None:
                yield replace(row, split=split)
            else:
                yield row

    @abc.abstractmethod
    def _rows_of(self, path: str, name: str) -> Iterator[Row | Reject]:
        """Yields the rows of one file; messages use `name`."""

    def _row(self, where: str, record: Any, picture: bytes) -> Row | Reject:
        row = self._to_row(where, record)
        return replace(row, image=picture) if isinstance(row, Row) else row


@dataclass(frozen=True)
class TarShards(Packed):
    """WebDataset's shards: `0.jpg` and `0.txt`, `0.caption` or `0.json` in a tar file.

    Only known keys of a .json are read; a text file takes precedence over its caption.

    Attributes:
      text_captions: see `TextFiles`.
    """

    kind: ClassVar[str] = "tar"

    text_captions: str = LINES

    def fingerprint(self) -> str:
        return digest([super().fingerprint(), self.text_captions])

    def _rows_of(self, path: str, name: str) -> Iterator[Row | Reject]:
        with _opened(path) as tar:
            held = _by_key(tar)
            _check_is_shard(path, held)
            for key, members in held.items():
                found = [ending for ending in members if is_picture_name(ending)]
                # `0.mask.png` next to `0.jpg` is not the picture.
                pictures = [ending for ending in found if ending.count(".") == 1] or found
                if not pictures:
                    detail = f"there is no picture for {', '.join(members):.80}"
                    yield Reject.of(f"{name}:{key}", "", "missing_file", detail)
                for ending in pictures:
                    yield self._member(tar, f"{name}:{key}{ending}", members, members[ending])

    def _member(
        self,
        tar: tarfile.TarFile,
        where: str,
        members: Mapping[str, tarfile.TarInfo],
        picture: tarfile.TarInfo,
    ) -> Row | Reject:
        image = where.replace(":", "/", 1)
        read = [picture, *(members[one] for one in members if one.endswith((*ENDINGS, ".json")))]
        link = next((member for member in read if not member.isreg()), None)
        if link:
            detail = f"{link.name} is a link or a device in the tar file"
            return Reject.of(where, image, "unreadable_file", detail)
        most = max(read, key=lambda member: member.size)
        if most.size > self.limits.max_file_bytes:
            return Reject.of(where, image, "too_large", f"{most.name} has {most.size:,} bytes")
        try:
            record = self._record(tar, members)
        except (ValueError, RecursionError) as error:
            return Reject.of(where, image, "malformed_row", f"its .json is not JSON: {error}")
        return self._row(where, {**record, "image": image}, _content(tar, picture))

    def _record(
        self, tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo]
    ) -> dict[str, Any]:
        texts = [one for one in sorted(members) if one.endswith(ENDINGS)]
        record = json.loads(_content(tar, members[".json"])) if ".json" in members else {}
        if not isinstance(record, Mapping):
            raise ValueError("an object was expected")
        without = {"image", *(_CAPTIONS if texts else ())}
        roles = columns.roles(tuple(record))
        meant = zip(record, roles, strict=True)
        given = {
            name: record[name] for name, role in meant if role in columns.NAMES.keys() - without
        }
        if texts:
            given["captions"] = [
                one for text in texts for one in self._said(tar, text, members[text])
            ]
        return given

    def _said(self, tar: tarfile.TarFile, ending: str, text: tarfile.TarInfo) -> list[Any]:
        lines = _content(tar, text).removeprefix(BOM_UTF8).split(b"\n")
        return in_language(captions_in(lines, self.text_captions), language_of(f"name{ending}"))


@dataclass(frozen=True)
class ColumnarPictures(Packed):
    """Parquet or Arrow files with a column of encoded pictures, as in Hugging Face's data sets."""

    kind: ClassVar[str] = "Parquet or Arrow"

    def _rows_of(self, path: str, name: str) -> Iterator[Row | Reject]:
        for where, record in read_columns(path, name):
            image = columns.name_of(record, "image")
            picture = columns.only(record[image]) if image else None
            held = picture.get("bytes") if isinstance(picture, Mapping) else picture
            if image and isinstance(held, bytes):
                place = where.replace(":", "/", 1)
                yield self._row(where, {**record, image: place}, held)
            elif isinstance(picture, list):
                detail = f"its image is a list of {len(picture)}"
                yield Reject.of(where, "", "wrong_type", detail)
            else:
                named = picture.get("path") if isinstance(picture, Mapping) else None
                detail = (
                    f"its image has no bytes, but the path {named:.200}" if named else "no image"
                )
                yield Reject.of(where, "", "no_bytes", detail)


def _by_key(tar: tarfile.TarFile) -> dict[str, dict[str, tarfile.TarInfo]]:
    """Returns the files of a shard by their paths up to the first dot of the name, and by the
    rest of the name."""
    found: dict[str, dict[str, tarfile.TarInfo]] = {}
    for member in tar:
        folder, name = posixpath.split(posixpath.normpath(member.name))
        stem, dot, ending = name.partition(".")
        if stem and not member.isdir():
            found.setdefault(posixpath.join(folder, stem), {})[f"{dot}{ending.lower()}"] = member
    return found


def _check_is_shard(path: str, held: Mapping[str, Mapping[str, tarfile.TarInfo]]) -> None:
    """Raises DataError if a tar file is a folder with a caption file, and no picture in it has its
    own text."""
    pictured = [one for one in held.values() if any(map(is_picture_name, one))]
    said = any(ending.endswith((*ENDINGS, ".json")) for one in pictured for ending in one)
    others = (one for one in held.values() if one not in pictured)
    tables = (member for one in others for ending, member in one.items() if ending in READERS)
    table = next(tables, None)
    if pictured and table and not said:
        raise DataError(
            path,
            f"it is no shard, but a folder with {table.name:.200} and pictures without texts",
            f"Name the folder once it is there. {containers.unpacking(*posixpath.split(path))}",
        )


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file else b""


@contextmanager
def _unpacked(path: str) -> Iterator[Any]:
    """Opens the tar file. A compressed one is first decompressed to a temporary file: members are
    read out of order, and each step back would decompress everything before it again."""
    if files.without_packing(path) == path:
        with files.opened(path) as file:
            yield file
        return
    with files.unpacked(path) as content, tempfile.TemporaryFile() as file:
        shutil.copyfileobj(content, file, _PIECE)
        file.seek(0)
        yield file


@contextmanager
def _opened(path: str) -> Iterator[tarfile.TarFile]:
    try:
        with _unpacked(path) as file:
            files.check_pointer(path, file)
            with tarfile.open(fileobj=file) as tar:
                yield tar
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise
        problem = f"this is no whole tar file: {error}"
        raise DataError(path, problem, "Copy it again from where it came from.") from error
