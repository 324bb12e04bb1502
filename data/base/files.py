"""Reads and writes files on the local disk and, with TensorFlow's gfile, on remote stores.

Paths with a scheme (`gs://bucket/x`) use tf.io.gfile. All others use the standard library, so local
files do not need TensorFlow, which is slow to import. Errors are OSErrors in both cases.
"""

# Paths are text here: pathlib folds the slashes of gs://, and raises on names that are too long.
# ruff: noqa: PTH112, PTH113, PTH114, PTH116, PTH207, PTH208

from __future__ import annotations

import bz2
import fnmatch
import gzip
import io
import json
import lzma
import os
import posixpath
import re
import shlex
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from glob import glob as local_glob
from pathlib import Path
from typing import Any

from data.base.errors import AddressError, DataError

# Endings of compressed files, and of compressed tar files under another name.
PACKINGS = GZIP, BZIP2, XZ, ZSTD = ".gz", ".bz2", ".xz", ".zst"
TAR_PACKINGS = {".tgz": GZIP, ".tbz2": BZIP2, ".tbz": BZIP2, ".txz": XZ, ".tzst": ZSTD}
_POINTER = b"version https://git-lfs"

# Reasons to skip an entry of a folder regardless of its kind. Names that begin with a dot belong to
# systems and editors.
OBSTACLES = HIDDEN, LINKED_FOLDER, BROKEN_LINK, SPECIAL, UNREADABLE_FOLDER = (
    "hidden",
    "linked folder",
    "broken link",
    "no regular file",
    "unreadable folder",
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_READ, _NEVER_READ = ("gs", "file"), ("http", "https", "hf")
_FETCHED_BY = {
    "s3": "aws s3 cp {many}{path} {place}",
    "http": "curl -LO {path}",
    "https": "curl -LO {path}",
    "hf": "hf download --repo-type dataset --local-dir my-pictures {name}",
}


def is_remote(path: str) -> bool:
    """Whether `path` begins with a scheme such as `gs://`."""
    return _SCHEME.match(path) is not None


def check_scheme(path: str) -> None:
    """Raises AddressError, with a command that downloads it, for an unsupported address.

    Only an uncommon scheme imports TensorFlow, which may have a plugin for it.
    """
    scheme, _, rest = path.partition("://")
    scheme = scheme.lower()
    if not is_remote(path) or scheme in _READ:
        return
    if scheme not in _NEVER_READ:
        with _gfile() as gfile:
            if scheme in {str(known) for known in gfile.get_registered_schemes()}:
                return
    name = "/".join(rest.removeprefix("datasets/").split("/")[:2])
    one = bool(posixpath.splitext(rest)[1])
    command = _FETCHED_BY.get(scheme, "").format(
        path=shlex.quote(path),
        name=shlex.quote(name),
        many="" if one else "--recursive ",
        place="." if one else "my-pictures",
    )
    what = f"addresses of {scheme}:// are not read"
    raise AddressError(path, what, f"Copy it to this machine first{command and f': {command}'}.")


def join(folder: str, name: str) -> str:
    """Returns the path of `name` in `folder`, with forward slashes."""
    return posixpath.join(folder, name)


def natural_key(text: str) -> tuple[tuple[str, int], ...]:
    """Returns a sort key that puts `captions.jsonl:9` before `captions.jsonl:10`."""
    return tuple((word, int(digits or 0)) for word, digits in re.findall(r"(\D*)(\d*)", text))


@contextmanager
def _gfile() -> Iterator[Any]:
    import tensorflow as tf

    try:
        yield tf.io.gfile
    except tf.errors.OpError as error:
        raise OSError(str(error)) from error


def is_file(path: str) -> bool:
    """Whether `path` is a regular file (not a folder, pipe or device)."""
    if is_remote(path):
        with _gfile() as gfile:
            return gfile.exists(path) and not gfile.isdir(path)
    return os.path.isfile(path)


def is_folder(path: str) -> bool:
    """Whether `path` is a folder."""
    if is_remote(path):
        with _gfile() as gfile:
            return gfile.isdir(path)
    return os.path.isdir(path)


def glob(pattern: str) -> list[str]:
    """Returns the paths that match a shell pattern, in natural order."""
    if not is_remote(pattern):
        return sorted(local_glob(pattern), key=natural_key)
    with _gfile() as gfile:
        return sorted(gfile.glob(pattern), key=natural_key)


def matching(folder: str, patterns: str) -> list[str]:
    """Returns the files in `folder` whose names match a shell pattern, in natural order.

    Args:
      folder: may contain characters that have a meaning in patterns.
      patterns: one or more patterns, such as `captions*.jsonl` or `*/metadata.jsonl`, separated by
        commas.
    """
    found: dict[str, None] = {}
    for pattern in patterns.split(","):
        found.update(dict.fromkeys(_matching(folder, pattern.strip().split("/"))))
    return sorted(found, key=natural_key)


def _matching(folder: str, parts: list[str]) -> Iterator[str]:
    """Yields the files below `folder` that match a pattern, given by its path components."""
    first, *rest = parts
    if rest:
        # A folder that is named explicitly may be a link; one that matches a pattern may not.
        named = [first] if is_folder(join(folder, first)) else []
        found = (name for name in folders_in(folder) if fnmatch.fnmatchcase(name, first))
        for name in dict.fromkeys((*named, *found)):
            yield from _matching(join(folder, name), rest)
        return
    if is_folder(folder):
        for name in names_in(folder):
            if fnmatch.fnmatchcase(name, first) and is_file(join(folder, name)):
                yield join(folder, name)


def names_in(folder: str) -> list[str]:
    """Returns the names of the files and folders in a folder, in arbitrary order."""
    if not is_remote(folder):
        return os.listdir(folder)
    with _gfile() as gfile:
        return [name.strip("/") for name in gfile.listdir(folder)]


def below(folder: str) -> Iterator[str]:
    """Yields the regular files below `folder`, relative to it, in arbitrary order.

    Entries with one of the `OBSTACLES` are left out.
    """
    return (path for path, obstacle in entries(folder) if not obstacle)


def entries(folder: str) -> Iterator[tuple[str, str]]:
    """Yields all entries below `folder` except folders, in arbitrary order.

    Yields:
      The path relative to `folder`, and one of `OBSTACLES` or "". A folder that is a link or cannot
      be read is not entered, and counts as one entry.
    """
    unreadable: list[str] = []
    found: Iterable[tuple[str, list[str], list[str]]] = os.walk(
        folder, onerror=lambda error: unreadable.append(str(error.filename))
    )
    if is_remote(folder):
        with _gfile() as gfile:
            found = list(gfile.walk(folder))
    for place, folders, names in found:
        inner = place[len(folder) :].strip("/")
        for name in names:
            path = posixpath.join(inner, name)
            yield path, _obstacle(folder, path)
        for name in folders:
            path = posixpath.join(inner, name)
            if not is_remote(folder) and os.path.islink(join(folder, path)):
                yield path, HIDDEN if _hidden(path) else LINKED_FOLDER
    for place in unreadable:
        yield place[len(folder) :].strip("/"), UNREADABLE_FOLDER


def _obstacle(folder: str, path: str) -> str:
    if _hidden(path):
        return HIDDEN
    if is_remote(folder) or is_file(join(folder, path)):
        return ""
    return BROKEN_LINK if os.path.islink(join(folder, path)) else SPECIAL


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def folders_in(folder: str, *, links: bool = False) -> list[str]:
    """Returns the names of the folders in `folder`, except hidden ones, in natural order.

    Args:
      folder: the result is empty if it cannot be read.
      links: whether to return only links to folders, which are never followed, or only real
        folders.
    """
    if not is_folder(folder) or (links and is_remote(folder)):
        return []
    if is_remote(folder):
        with _gfile() as gfile:
            names = [name.strip("/") for name in next(iter(gfile.walk(folder)))[1]]
    else:
        try:
            with os.scandir(folder) as entries:
                # Checking a link may raise; most entries are known to be files.
                names = [
                    entry.name
                    for entry in entries
                    if not entry.is_file(follow_symlinks=False)
                    and links == entry.is_symlink()
                    and os.path.isdir(entry.path)
                ]
        except OSError:
            return []
    return sorted((name for name in names if not name.startswith(".")), key=natural_key)


def read(path: str) -> bytes:
    """Returns the whole file; raises OSError."""
    if not is_remote(path):
        return Path(path).read_bytes()
    with _gfile() as gfile, gfile.GFile(path, "rb") as file:
        return file.read()


def read_json(path: str, remedy: str, fields: Iterable[str] = ()) -> dict[str, Any]:
    """Returns the object in a JSON file that this program wrote.

    Args:
      path: of the file.
      remedy: what the user can do if it is damaged.
      fields: names that it must have.

    Raises:
      DataError: it has another content.
      OSError: it cannot be read.
    """
    try:
        found = json.loads(read(path))
    except RecursionError:
        raise DataError(path, "it is damaged (nested too deeply)", remedy) from None
    except ValueError as error:
        # Also raised for bytes that are not text and for numbers with too many digits.
        raise DataError(path, f"it is damaged ({str(error)[:100]})", remedy) from None
    if not isinstance(found, dict):
        raise DataError(path, "it is damaged (no object of names and values)", remedy)
    if missing := [name for name in fields if name not in found]:
        raise DataError(path, f"it is damaged ('{missing[0]}' is not there)", remedy)
    return found


def size(path: str) -> int:
    """Returns the length of a file in bytes; raises OSError."""
    if not is_remote(path):
        return Path(path).stat().st_size
    with _gfile() as gfile:
        return gfile.stat(path).length


def stamp(path: str) -> tuple[int, int] | None:
    """Returns length and change time (ns) of a local file; None for a missing or remote one."""
    if is_remote(path):
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


@contextmanager
def opened(path: str, mode: str = "rb") -> Iterator[Any]:
    """Opens a local or remote file; raises OSError."""
    if is_remote(path):
        with _gfile() as gfile, gfile.GFile(path, mode) as file:
            yield file
    else:
        with Path(path).open(mode) as file:
            yield file


def without_packing(path: str) -> str:
    """Removes the ending of a compressed file, such as `.gz`; `.tgz` becomes `.tar`."""
    stem, ending = posixpath.splitext(path)
    if ending.lower() in TAR_PACKINGS:
        return f"{stem}.tar"
    return stem if ending.lower() in PACKINGS else path


def check_pointer(path: str, file: Any) -> None:
    """Raises DataError if a file is only a Git LFS pointer; reads from the start.

    Args:
      path: for the message.
      file: an open file; its position is the start afterwards.
    """
    file.seek(0)
    begins = file.read(len(_POINTER))
    file.seek(0)
    if begins == _POINTER:
        problem = "this is a pointer of Git LFS, and not the file"
        raise DataError(path, problem, "Run 'git lfs pull' in its folder, which fetches the files.")


@contextmanager
def unpacked(path: str) -> Iterator[Any]:
    """Opens a file for reading; a compressed file is decompressed.

    Raises:
      DataError: it is a Git LFS pointer.
      OSError: the file cannot be read, or is compressed and damaged.
    """
    ending = posixpath.splitext(path.lower())[1]
    unpack = _UNPACK.get(TAR_PACKINGS.get(ending, ending))
    with opened(path) as file:
        check_pointer(path, file)
        if unpack is None:
            yield file
            return
        try:
            with unpack(file) as content:
                yield content
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise OSError(f"{path} is cut short or damaged: {error}") from error


class _Zstandard(io.RawIOBase):
    """The content of a file that is compressed with Zstandard."""

    def __init__(self, file: Any):
        # The import takes a tenth of a second.
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            read = self._stream.read(len(buffer))
        except OSError as error:
            raise EOFError(str(error)) from error
        buffer[: len(read)] = read
        return len(read)


_UNPACK: dict[str, Callable[[Any], Any]] = {
    GZIP: gzip.open,
    BZIP2: bz2.open,
    XZ: lzma.open,
    ZSTD: lambda file: io.BufferedReader(_Zstandard(file)),
}


def chunks(path: str, length: int = 2**20) -> Iterator[bytes]:
    """Yields the content of a file in pieces of at most `length` bytes."""
    with opened(path) as file:
        while piece := file.read(length):
            yield piece


def lines(path: str) -> Iterator[bytes]:
    """Yields the lines of a file, undecoded, without their line ends and a leading BOM.

    A compressed file is decompressed.
    """
    with unpacked(path) as file:
        for number, line in enumerate(file):
            yield (line if number else line.removeprefix(b"\xef\xbb\xbf")).rstrip(b"\r\n")


def inside(folder: str, name: str) -> bool:
    """Whether the relative path `name` stays in `folder`, after following local links.

    False for names that no path can contain, with NUL or a lone surrogate.
    """
    if name.startswith("/") or is_remote(name) or posixpath.normpath(name).split("/")[0] == "..":
        return False
    if is_remote(folder):
        return True
    root = os.path.realpath(folder)
    try:
        return os.path.commonpath((root, os.path.realpath(join(root, name)))) == root
    except ValueError:
        return False


def write_whole(path: str, content: bytes) -> None:
    """Writes a file atomically: under a temporary name in the same folder, then renames it."""
    # The temporary name is not the file's with an ending: a name may be as long as names can be.
    temporary = join(posixpath.dirname(path), f".{uuid.uuid4().hex}.tmp")
    if is_remote(path):
        with _gfile() as gfile:
            with gfile.GFile(temporary, "wb") as file:
                file.write(content)
            gfile.rename(temporary, path, overwrite=True)
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    try:
        Path(temporary).write_bytes(content)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
