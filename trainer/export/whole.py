"""Checks SavedModels on disk for damage and publishes them as served versions, atomically."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from data.base import files
from trainer.engine import checkpoints
from trainer.export.layout import FINGERPRINT, SAVED_MODEL

# Servers only read folders named by a number, so they ignore a folder with this prefix.
PARTIAL = ".push-"
_VARIABLES = "variables/variables"


def damage(directory: Path) -> str | None:
    """Why the SavedModel in `directory` cannot be served, or None if its files are intact.

    Reads the graph and every weight, and TensorFlow compares their checksums. The model is not
    loaded.
    """
    graph = directory / SAVED_MODEL
    try:
        model = saved_model_pb2.SavedModel.FromString(graph.read_bytes())
    except DecodeError:
        return f"{graph.name} is damaged"
    if not model.meta_graphs:
        return f"{graph.name} holds no graph"
    if not (directory / f"{_VARIABLES}.index").exists():
        # A model without weights has no such file.
        return None
    fault = checkpoints.damage(directory / _VARIABLES)
    return f"its weights are damaged ({fault})" if fault else None


def already_published(model: str, base: str) -> int | None:
    """Returns the newest version in `base` if all its files equal those of `model`, else None.

    This detects a push that was killed after its model was published.
    """
    newest = max(_numbers(base), default=None)
    if newest is None:
        return None
    version = posixpath.join(base, str(newest))
    own = posixpath.join(model, FINGERPRINT)
    same = tf.io.gfile.exists(own) and not _differing(model, version, _names(model))
    return newest if same else None


def publish(
    model: str,
    base: str,
    now: float,
    additions: Callable[[int], Mapping[str, bytes]] = lambda _: {},
) -> int:
    """Publishes the SavedModel `model` as a version in `base`, atomically.

    Args:
      model: a directory, may be a URI.
      base: directory of the versions, may be a URI and need not exist.
      now: seconds since 1970, the version number. If a version has a higher number, from a clock
        that was ahead, the number after it is used, because servers take the highest.
      additions: maps the number to further files of the version: contents by relative path.

    Returns:
      The version number.

    Raises:
      OSError: the copy differs from the model.
    """
    with _alone_in(base):
        number = max([int(now), *(found + 1 for found in _numbers(base))])
        final = posixpath.join(base, str(number))
        # A store such as gs:// cannot rename a folder atomically: `SAVED_MODEL` is copied last.
        remote = files.is_remote(base)
        place = final if remote else posixpath.join(base, f"{PARTIAL}{number}")
        _remove_partial(base)
        try:
            before = [name for name in _names(model) if name != SAVED_MODEL]
            _copy(model, place, before)
            for name, content in additions(number).items():
                files.write_whole(posixpath.join(place, name), content)
            _copy(model, place, [SAVED_MODEL])
            if not remote:
                tf.io.gfile.rename(place, final)
        except BaseException:
            with contextlib.suppress(tf.errors.OpError):
                tf.io.gfile.rmtree(place)
            raise
    return number


@contextlib.contextmanager
def _alone_in(base: str) -> Iterator[None]:
    """Holds an exclusive lock on `base`: a run and a rollback may publish at the same time.

    The lock ends with the process. A remote store has no lock.
    """
    if files.is_remote(base):
        yield
        return
    Path(base).mkdir(parents=True, exist_ok=True)
    folder = os.open(base, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _copy(model: str, place: str, names: Sequence[str]) -> None:
    """Copies files of `model` and compares the copies with the originals."""
    for name in names:
        target = posixpath.join(place, name)
        tf.io.gfile.makedirs(posixpath.dirname(target))
        tf.io.gfile.copy(posixpath.join(model, name), target, overwrite=True)
    if wrong := _differing(model, place, names):
        raise OSError(f"{place}: {wrong[0]} is not as in {model}; is there space on the disk?")


def _differing(model: str, copy: str, names: Sequence[str]) -> list[str]:
    """The files among `names` that are missing in `copy` or differ from those of `model`."""
    return [name for name in names if _digest(model, name) != _digest(copy, name)]


def _remove_partial(base: str) -> None:
    """Removes the partial copies of killed publications."""
    for name in _listed(base):
        if name.startswith(PARTIAL):
            tf.io.gfile.rmtree(posixpath.join(base, name))


def _numbers(base: str) -> list[int]:
    return [int(name) for name in _listed(base) if name.isdecimal()]


def _listed(base: str) -> list[str]:
    if not tf.io.gfile.isdir(base):
        return []
    return [name.rstrip("/") for name in tf.io.gfile.listdir(base)]


def _names(model: str) -> list[str]:
    found = []
    for folder, _, names in tf.io.gfile.walk(model):
        below = posixpath.relpath(folder, model)
        found += [posixpath.normpath(posixpath.join(below, name)) for name in names]
    return sorted(found)


def _digest(model: str, name: str) -> bytes | None:
    path = posixpath.join(model, name)
    if not tf.io.gfile.exists(path):
        return None
    return hashlib.sha256(files.read(path)).digest()
