"""Where things are, seen from a container: places that are known only when it runs, and mirrors.

A compiled pipeline holds marks in place of paths that differ from run to run. A node's own process
puts in what its parameters say. Artefacts are named by URI alone, and an executor works on files:
Kubeflow's launcher mirrors the object stores under fixed folders, and where there is no launcher
the files are copied through tf.io.gfile.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from data.base import files
from pipeline.cluster.parameters import CHECKPOINTS_MARK, PACKAGE_MARK, STORE_MARK
from pipeline.errors import UsageError

PACKAGE_ROOT = str(Path(__file__).parents[2])
# Of a pod without a volume; a training that loses its pod starts anew.
POD_CHECKPOINTS = "/tmp/tuwen/training"
# The folders under which Kubeflow's launcher keeps what it fetches and what it will send.
# Beside the files of an artefact that was sent to its end.
WHOLE = "_WHOLE"
MIRROR_ROOT = "/"
MIRRORS = {"gs://": "gcs", "minio://": "minio", "s3://": "s3"}


def marked(value: Any) -> Any:
    """Returns a property with the path of this package replaced by a mark."""
    return (
        value.replace(PACKAGE_ROOT + "/", f"{PACKAGE_MARK}/") if isinstance(value, str) else value
    )


def placed(value: Any, store: str, checkpoints: str) -> Any:
    """Returns a property with marks replaced by places.

    Args:
      value: text is searched, other values are returned as they are.
      store: `gs://...` or a folder.
      checkpoints: a folder; "" takes one in the store if that is a folder, or else the pod's disk.
    """
    if not isinstance(value, str):
        return value
    store = store.rstrip("/")
    folder = f"{store}/training" if store and not files.is_remote(store) else POD_CHECKPOINTS
    value = value.replace(CHECKPOINTS_MARK, checkpoints.rstrip("/") or folder)
    return value.replace(STORE_MARK, store).replace(PACKAGE_MARK, PACKAGE_ROOT)


def require_reachable(place: str) -> None:
    """Raises UsageError when TensorFlow of this image cannot read or write `place`."""
    scheme = place.partition("://")[0] if files.is_remote(place) else ""
    known = [str(one) for one in tf.io.gfile.get_registered_schemes()]
    if scheme not in known:
        raise UsageError(
            f"{place}: TensorFlow of this image knows folders, {', '.join(filter(None, known))}, "
            f"and no {scheme}://. Mount a volume (cluster.volume), or add the plugin to the image"
        )


def mirror(uri: str) -> str:
    """Returns the launcher's local copy of `uri`; other paths are returned as they are."""
    for scheme, folder in MIRRORS.items():
        if uri.startswith(scheme):
            return posixpath.join(MIRROR_ROOT, folder, uri.removeprefix(scheme))
    return uri


def send(folder: str, uri: str) -> None:
    """Copies an artefact's files to its URI, and last of all a mark that they are all there.

    Raises:
      OSError: a file could not be read or written.
    """
    _copy(folder, uri)
    finish(uri)


def finish(uri: str) -> None:
    """Marks an artefact whose files are all at its URI; raises OSError."""
    with _errors_of_store(uri), tf.io.gfile.GFile(posixpath.join(uri, WHOLE), "w") as file:
        file.write("")


def fetch(uri: str, folder: str) -> None:
    """Copies the files of an artefact that `send` sent.

    Raises:
      OSError: a file could not be read or written, or the artefact was not sent to its end.
    """
    with _errors_of_store(uri):
        whole = tf.io.gfile.exists(posixpath.join(uri, WHOLE))
    if not whole:
        raise OSError(f"{uri}: is missing or was not written to its end; run its producer again")
    _copy(uri, folder)


def _copy(source: str, target: str) -> None:
    with _errors_of_store(f"{source} to {target}"):
        for folder, _, names in tf.io.gfile.walk(source, onerror=_raise):
            below = folder.rstrip("/").removeprefix(source.rstrip("/")).strip("/")
            place = posixpath.join(target, below) if below else target
            tf.io.gfile.makedirs(place)
            for name in set(names) - {WHOLE}:
                path = posixpath.join(folder, name)
                tf.io.gfile.copy(path, posixpath.join(place, name), overwrite=True)


def _raise(error: Exception) -> None:
    """A folder that cannot be listed must not be taken for an empty one."""
    raise error


@contextlib.contextmanager
def _errors_of_store(what: str) -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(f"{what}: {error}") from error
