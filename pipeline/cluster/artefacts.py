"""Artefacts between two worlds: TFX's classes with MLMD properties, Kubeflow's JSON with metadata.

Kubeflow keeps an artefact as name, URI and one flat mapping, hands numbers back as floats, and does
not say of which type an input is. So a container is told the types by its command line.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from tfx import types
from tfx.types import standard_artifacts
from tfx.types.artifact import CUSTOM_PROPERTIES_PREFIX, PropertyType

from components.caption_example_gen.artifacts import RejectedRows
from components.data_gate.artifacts import DataDecision
from components.run_report.artifacts import RunReportPage
from components.serving_check.artifacts import ServingCheckReport

OURS = (RejectedRows, DataDecision, RunReportPage, ServingCheckReport)
STANDARD: tuple[type[types.Artifact], ...] = tuple(
    kind
    for kind in vars(standard_artifacts).values()
    if isinstance(kind, type) and issubclass(kind, types.Artifact)
)
# Under which TFX keeps a JSON value that is no mapping.
_SINGLE = "__value__"
_CAST = {PropertyType.INT: int, PropertyType.FLOAT: float, PropertyType.STRING: str}


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
