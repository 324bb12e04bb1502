"""Artefacts of TFX as Kubeflow has them: their types and properties, and where their files are.

**Types.** Kubeflow keeps an artefact as name, URI and one flat mapping, hands numbers back as
floats, and does not say of which type an input is. So a container is told the types by its command
line.

**Places.** A compiled pipeline holds marks in place of paths that differ from run to run. A node's
own process puts in what its parameters say. Artefacts are named by URI alone, and an executor works
on files: Kubeflow's launcher mirrors the object stores under fixed folders, and where there is no
launcher the files are copied through tf.io.gfile.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import json_format
from tfx import types
from tfx.types import standard_artifacts
from tfx.types.artifact import CUSTOM_PROPERTIES_PREFIX, PropertyType

from components.artifacts import DataDecision, RejectedRows, RunReportPage, ServingCheckReport
from data.base import files
from pipeline.cluster.spec import CHECKPOINTS_MARK, PACKAGE_MARK, STORE_MARK
from pipeline.errors import UsageError

OURS = (RejectedRows, DataDecision, RunReportPage, ServingCheckReport)
STANDARD: tuple[type[types.Artifact], ...] = tuple(
    kind
    for kind in vars(standard_artifacts).values()
    if isinstance(kind, type) and issubclass(kind, types.Artifact)
)
# Under which TFX keeps a JSON value that is no mapping.
_SINGLE = "__value__"
_CAST = {PropertyType.INT: int, PropertyType.FLOAT: float, PropertyType.STRING: str}
PACKAGE_ROOT = str(Path(__file__).parents[2])
# Of a pod without a volume; a training that loses its pod starts anew.
POD_CHECKPOINTS = "/tmp/tuwen/training"
# Beside the files of an artefact that was sent to its end.
WHOLE = "_WHOLE"
# The folders under which Kubeflow's launcher keeps what it fetches and what it will send.
MIRROR_ROOT = "/"
MIRRORS = {"gs://": "gcs", "minio://": "minio", "s3://": "s3"}


def title(kind: type[types.Artifact]) -> str:
    """Returns `tfx.Examples` or `tuwen.RejectedRows`: a namespace and the type's name."""
    return f"{'tuwen' if kind in OURS else 'tfx'}.{kind.TYPE_NAME}"


def kind_of(name: str) -> type[types.Artifact]:
    """Returns the class that `title` gave the name; raises KeyError for another name."""
    return {title(kind): kind for kind in (*STANDARD, *OURS)}[name]


def read(kind: type[types.Artifact], runtime: dict[str, Any], uri: str) -> types.Artifact:
    """Returns the TFX artefact of a Kubeflow RuntimeArtifact.

    Args:
      kind: its class.
      runtime: `name`, which is the number of the artefact where there is one, and `metadata`.
      uri: where its files are for this process.
    """
    artifact = kind()
    artifact.uri = uri
    if str(runtime.get("name", "")).isdecimal():
        artifact.id = int(runtime["name"])
    for key, value in (runtime.get("metadata") or {}).items():
        _set(artifact, key, value)
    return artifact


def metadata(artifact: types.Artifact) -> dict[str, Any]:
    """Returns properties and custom properties as the flat mapping of a RuntimeArtifact."""
    message = artifact.mlmd_artifact
    found = {key: _plain(value) for key, value in message.properties.items()}
    for key, value in message.custom_properties.items():
        clashes = key in artifact.artifact_type.properties
        found[CUSTOM_PROPERTIES_PREFIX + key if clashes else key] = _plain(value)
    return {key: value for key, value in found.items() if value is not None}


def _set(artifact: types.Artifact, key: str, value: Any) -> None:
    declared = artifact.PROPERTIES or {}
    if key in declared:
        cast = _CAST.get(declared[key].type)
        setattr(artifact, key, cast(value) if cast else value)
        return
    key = key.removeprefix(CUSTOM_PROPERTIES_PREFIX)
    if isinstance(value, str):
        artifact.set_string_custom_property(key, value)
    elif isinstance(value, bool | int) or (isinstance(value, float) and value.is_integer()):
        artifact.set_int_custom_property(key, int(value))
    elif isinstance(value, float):
        artifact.set_float_custom_property(key, value)
    else:
        artifact.set_json_value_custom_property(key, value)


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind != "struct_value":
        return getattr(value, kind) if kind else None
    fields = json_format.MessageToDict(value.struct_value)
    return fields.get(_SINGLE, fields)


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
