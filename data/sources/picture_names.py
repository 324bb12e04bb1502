"""Finds the file of a picture from its name in a table.

Tables and pictures come from different systems: one writes an accent as two characters, another
writes paths with backslashes, a third treats `A.JPG` and `a.jpg` as the same name.
"""

# Paths are strings here, see `data.base.files`.
# ruff: noqa: PTH100, PTH110, PTH112, PTH114, PTH115, PTH208

from __future__ import annotations

import functools
import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence

from data.base import files
from data.picture_files import PICTURE_ENDINGS, is_picture_name

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def relative(folder: str, name: str) -> str:
    """Makes an absolute path inside `folder` relative to it; returns other names unchanged."""
    if files.is_remote(name):
        return name.removeprefix(f"{folder.rstrip('/')}/")
    if not name.startswith("/") or not folder or files.is_remote(folder):
        return name
    place = posixpath.dirname(name)
    for root, below in ((_absolute(folder), name), (_real(folder), _real_join(place, name))):
        if below.startswith(root.rstrip("/") + "/"):
            return posixpath.relpath(below, root)
    return name


def find(folder: str, name: str) -> str | None:
    """Returns the path, relative to `folder`, of the file that `name` means; None if there is none.

    It is the file with exactly this name. If there is none, it is the only file whose name differs
    just in Unicode normalisation, slashes or case, or the only picture with this name plus an
    ending.

    Args:
      folder: local, or remote; remote names are not searched.
      name: relative to it.
    """
    if files.is_file(files.join(folder, name)):
        return name
    if files.is_remote(folder):
        return None
    for found in (_alike(folder, name), _with_endings(folder, name)):
        if len(found) == 1 and files.is_file(files.join(folder, found[0])):
            return found[0]
    return None


def why_missing(folder: str, name: str) -> str:
    """Returns a phrase that says why `find` finds no file."""
    path = files.join(folder, name)
    if files.is_remote(folder):
        return f"there is no file {path}"
    for place in _places(folder, name):
        if target(place) and not os.path.exists(place):
            return f"{place} is a link to {target(place)}, which is not there"
    if os.path.isdir(path):
        return f"{path} is a folder"
    if os.path.exists(path):
        return f"{path} is no regular file"
    several = _alike(folder, name)
    several = several if len(several) > 1 else _with_endings(folder, name)
    if len(several) > 1:
        return f"there is no file {path}, and several of almost that name: {', '.join(several)}"
    other = _other_endings(folder, name)
    return f"there is no file {path}" + (f", but there is {other[0]}" if other else "")


def why_outside(folder: str, name: str) -> str:
    """Returns a phrase that says why a name is not inside `folder`."""
    if files.is_remote(name) or name.startswith("/"):
        return f"{name} is not a path below {folder}"
    for place in () if files.is_remote(folder) else _places(folder, name):
        if target(place):
            return f"{place} is a link to {target(place)}, outside of {folder}"
    return f"{name} leads out of {folder}"


def target(path: str) -> str | None:
    """Returns the target of a link; None if `path` is not a link."""
    return os.readlink(path) if os.path.islink(path) else None


def passes_link(folder: str, name: str) -> bool:
    """Whether a component of the path from `folder` to `name` is a link; searches follow none."""
    return not files.is_remote(folder) and any(map(target, _places(folder, name)))


def is_windows_path(name: str) -> bool:
    """Whether `name` is an absolute Windows path."""
    return _DRIVE.match(name) is not None


def same(name: str) -> str:
    """Returns a key that ignores differences in Unicode normalisation and slashes."""
    return unicodedata.normalize("NFC", name).replace("\\", "/")


def _alike(folder: str, name: str) -> list[str]:
    """Returns paths that differ from `name` only in Unicode normalisation, slashes and case: the
    most similar ones in each folder on the way."""
    parts = posixpath.normpath(name.replace("\\", "/")).split("/")
    found = [""]
    for part in parts:
        found = [
            posixpath.join(place, entry)
            for place in found
            for entry in _entries_alike(files.join(folder, place) if place else folder, part)
        ]
    return found


def _entries_alike(folder: str, name: str) -> Sequence[str]:
    several = _listing(folder, _changed(folder)).get(_folded(name), ())
    if name in several:
        return (name,)
    form = unicodedata.normalize("NFC", name)
    return [one for one in several if unicodedata.normalize("NFC", one) == form] or several


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _changed(folder: str) -> int:
    stamp = files.stamp(folder)
    return stamp[1] if stamp else 0


@functools.lru_cache(maxsize=16)
def _listing(folder: str, changed: int) -> dict[str, tuple[str, ...]]:
    """Returns the names in a folder by a key that ignores case.

    Args:
      folder: a missing folder has no names.
      changed: its change time, part of the cache key.
    """
    found = defaultdict(list)
    try:
        for name in sorted(os.listdir(folder)):
            found[_folded(name)].append(name)
    except (OSError, ValueError):
        return {}
    return {key: tuple(several) for key, several in found.items()}


def _with_endings(folder: str, name: str) -> list[str]:
    """Returns the pictures whose names are `name` plus an ending; none if `name` has one."""
    return [] if is_picture_name(name) else _of_stem(folder, name)


def _other_endings(folder: str, name: str) -> list[str]:
    """Returns pictures in the folder of `name` that differ from it only in their ending."""
    return _of_stem(folder, posixpath.splitext(name)[0])


def _of_stem(folder: str, stem: str) -> list[str]:
    inner, last = posixpath.split(stem.replace("\\", "/"))
    place = files.join(folder, inner) if inner else folder
    endings = (f"{_folded(last)}{ending}" for ending in PICTURE_ENDINGS)
    several = (_listing(place, _changed(place)).get(key, ()) for key in endings)
    return [posixpath.join(inner, found) for names in several for found in names]


def _places(folder: str, name: str) -> Iterator[str]:
    """Yields the path of each component from `folder` to `name`, without `folder`."""
    place = folder
    for part in name.split("/"):
        place = files.join(place, part)
        yield place


def _absolute(folder: str) -> str:
    return os.path.abspath(folder)


def _real(folder: str) -> str:
    return os.path.realpath(folder)


def _real_join(place: str, name: str) -> str:
    return posixpath.join(_real(place), posixpath.basename(name))
