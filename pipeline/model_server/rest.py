"""TensorFlow Serving's REST interface, as a function from request to answer.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import json
import re
import time
from typing import Any, NamedTuple

from tensorflow.core.framework import types_pb2

from pipeline.model_server import json_tensors
from pipeline.model_server.errors import Code, ServingError, invalid
from pipeline.model_server.manager import Manager, Status
from pipeline.model_server.metrics import CONTENT_TYPE, PATH, Metrics
from pipeline.model_server.servable import Servable

_WHICH = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(
    rf"(?i)/v1/models/(?P<model>[^/:]+){_WHICH}:(?P<method>classify|regress|predict)"
)
_STATUS = re.compile(rf"(?i)/v1/models/(?P<model>[^/:]+){_WHICH}(?P<metadata>/metadata)?")
_JSON = "application/json"
_VERSION_LIMIT = 2**63


class Answer(NamedTuple):
    """What goes back to the client."""

    status: int
    body: bytes
    content_type: str = _JSON


class RestApi:
    """Answers requests from the models of a manager; may be called from several threads."""

    def __init__(self, manager: Manager, metrics: Metrics):
        self._manager, self._metrics = manager, metrics

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Answers one request; every error is an answer too."""
        if method == "GET" and path == PATH:
            return Answer(200, self._metrics.page(), CONTENT_TYPE)
        try:
            if method == "POST" and (match := _PREDICT.fullmatch(path)):
                return Answer(200, self._measured(match, body))
            if method == "GET" and (match := _STATUS.fullmatch(path)):
                tell = self._metadata if match["metadata"] else self._status
                return Answer(200, tell(match))
            raise invalid(f"Malformed request: {method} {path}")
        except ServingError as error:
            return refusal(error.http_status, error.message)

    def _measured(self, match: re.Match[str], body: bytes) -> bytes:
        start, status = time.perf_counter(), Code.OK
        try:
            return self._predict(match, body)
        except ServingError as error:
            status = error.code
            raise
        finally:
            seconds = time.perf_counter() - start
            name = self._manager.name_of(match["model"])
            self._metrics.request(name, status.name, "REST", seconds)

    def _predict(self, match: re.Match[str], body: bytes) -> bytes:
        if match["method"].lower() != "predict":
            raise ServingError(
                Code.UNIMPLEMENTED, f"{match['method']}: only predict is served here"
            )
        with self._manager.lend(*_which(match)) as servable:
            document = json_tensors.parse(body)
            signature = servable.signature(json_tensors.signature_name(document))
            tensors, in_rows = json_tensors.read_inputs(document, signature.inputs)
            start = time.perf_counter()
            outputs = signature(tensors)
            self._metrics.run(match["model"], time.perf_counter() - start)
        return json_tensors.write_outputs(outputs, in_rows)

    def _status(self, match: re.Match[str]) -> bytes:
        found = self._manager.statuses(*_which(match))
        shown = [_status_json(version, status) for version, status in found.items()]
        return _pretty({"model_version_status": shown})

    def _metadata(self, match: re.Match[str]) -> bytes:
        with self._manager.lend(*_which(match)) as servable:
            return _pretty(_metadata_json(servable))


def refusal(status: int, message: str) -> Answer:
    """An error as TensorFlow Serving writes it."""
    text = json.dumps({"error": message}, ensure_ascii=False)
    # What a client sent may come back in it, half a surrogate pair too.
    return Answer(status, text.encode("utf-8", "replace"))


def _which(match: re.Match[str]) -> tuple[str, int | None, str]:
    version = int(match["version"]) if match["version"] else None
    if version is not None and version >= _VERSION_LIMIT:
        raise invalid(f"Failed to convert version: {version} to numeric.")
    return match["model"], version, match["label"] or ""


def _pretty(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1, ensure_ascii=False).encode("utf-8")


def _status_json(version: int, status: Status) -> dict[str, Any]:
    code = "UNKNOWN" if status.error else "OK"
    return {
        "version": str(version),
        "state": status.state,
        "status": {"error_code": code, "error_message": status.error},
    }


def _metadata_json(servable: Servable) -> dict[str, Any]:
    signatures = {
        name: {
            "inputs": _tensors_json(signature.definition.inputs),
            "outputs": _tensors_json(signature.definition.outputs),
            "method_name": signature.definition.method_name,
        }
        for name, signature in servable.signatures.items()
    }
    version = str(servable.version)
    return {
        "model_spec": {"name": servable.name, "signature_name": "", "version": version},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _tensors_json(tensors: Any) -> dict[str, Any]:
    return {alias: _tensor_json(info) for alias, info in sorted(tensors.items())}


def _tensor_json(info: Any) -> dict[str, Any]:
    shape = info.tensor_shape
    return {
        "dtype": types_pb2.DataType.Name(info.dtype),
        "tensor_shape": {
            "dim": [{"size": str(dim.size), "name": dim.name} for dim in shape.dim],
            "unknown_rank": shape.unknown_rank,
        },
        "name": info.name,
    }
