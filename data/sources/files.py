"""Reading and writing files on this disk and, by TensorFlow's gfile, on any store it knows.

Paths with a scheme (`gs://bucket/x`) go through tf.io.gfile; all others use the standard library,
so that work on local files never waits for TensorFlow to start.
"""

from __future__ import annotations

import glob as local_glob
import os
import posixpath
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_remote(path: str) -> bool:
    """Whether `path` begins with a scheme such as `gs://`."""
    return _SCHEME.match(path) is not None


def _gfile() -> Any:
    import tensorflow as tf

    return tf.io.gfile


def join(folder: str, name: str) -> str:
    """Returns the path of `name` in `folder`; both keep forward slashes."""
    return posixpath.join(folder, name)


def is_file(path: str) -> bool:
    """Whether a regular file (not a folder, pipe or device) stands at `path`."""
    if is_remote(path):
        return _gfile().exists(path) and not _gfile().isdir(path)
    return os.path.isfile(path)  # noqa: PTH113 (Path.is_file raises on over-long names)


def is_folder(path: str) -> bool:
    """Whether `path` is a folder."""
    return _gfile().isdir(path) if is_remote(path) else os.path.isdir(path)  # noqa: PTH112


def glob(pattern: str) -> list[str]:
    """Returns the sorted paths that match a shell pattern."""
    return sorted(_gfile().glob(pattern) if is_remote(pattern) else local_glob.glob(pattern))  # noqa: PTH207


def open_binary(path: str) -> Any:
    """Opens a file for reading bytes; the caller closes it."""
    return _gfile().GFile(path, "rb") if is_remote(path) else open(path, "rb")


def read(path: str) -> bytes:
    """Returns the whole file."""
    with open_binary(path) as file:
        return file.read()


def size(path: str) -> int:
    """Returns the length of a file in bytes."""
    return _gfile().stat(path).length if is_remote(path) else Path(path).stat().st_size


def lines(path: str) -> Iterator[bytes]:
    """Yields the lines of a file, undecoded, without their line ends and a leading BOM."""
    with open_binary(path) as file:
        for number, line in enumerate(file):
            start = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
            yield start.rstrip(b"\r\n")


def inside(folder: str, name: str) -> bool:
    """Whether the relative path `name` stays in `folder`, links on this disk followed."""
    if name.startswith("/") or is_remote(name) or posixpath.normpath(name).split("/")[0] == "..":
        return False
    if is_remote(folder):
        return True
    return Path(folder, name).resolve().is_relative_to(Path(folder).resolve())


def listing(folder: str) -> Iterator[tuple[str, int, int]]:
    """Yields the relative path, length and change time (ns) of all files below `folder`, sorted."""
    walk = _gfile().walk(folder) if is_remote(folder) else os.walk(folder, followlinks=True)
    for parent, folders, names in walk:
        folders.sort()
        for name in sorted(names):
            path = join(parent, name)
            found = _gfile().stat(path) if is_remote(path) else os.stat(path)  # noqa: PTH116
            length = found.length if is_remote(path) else found.st_size
            yield (
                posixpath.relpath(path, folder),
                length,
                found.mtime_nsec if is_remote(path) else found.st_mtime_ns,
            )


def write_whole(path: str, content: bytes) -> None:
    """Writes a file under a temporary name beside it, then renames it: all of it or nothing."""
    temporary = f"{path}.{uuid.uuid4().hex}.tmp"
    if is_remote(path):
        with _gfile().GFile(temporary, "wb") as file:
            file.write(content)
        _gfile().rename(temporary, path, overwrite=True)
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    try:
        Path(temporary).write_bytes(content)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
