"""TensorFlow Serving's REST interface.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import time
from typing import Any

from aiohttp import web
from tensorflow.core.framework import types_pb2

from pipeline.http_requests import (
    BodyReader,
    Deadline,
    DeadlineExceeded,
    QueueFull,
    Refusal,
    WorkerPool,
    encoding_of,
)
from pipeline.http_thread import error_answer
from pipeline.model_server import json_tensors
from pipeline.model_server.errors import Code, ServingError, from_admission, internal, invalid
from pipeline.model_server.limits import Limits
from pipeline.model_server.manager import Manager, Status
from pipeline.model_server.metrics import CONTENT_TYPE, PATH, Metrics
from pipeline.model_server.servable import Servable

_WHICH = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(
    rf"(?ai)/v1/models/(?P<model>[^/:]+){_WHICH}:(?P<method>classify|regress|predict)"
)
_STATUS = re.compile(rf"(?ai)/v1/models/(?P<model>[^/:]+){_WHICH}(?P<metadata>/metadata)?")
_JSON = "application/json"
_VERSION_LIMIT, _VERSION_DIGITS = 2**63, 19


class RestApi:
    """Answers requests from the models of a manager."""

    def __init__(
        self,
        manager: Manager,
        metrics: Metrics,
        workers: WorkerPool,
        bodies: BodyReader,
        limits: Limits,
    ):
        self._manager, self._metrics = manager, metrics
        self._workers, self._bodies, self._limits = workers, bodies, limits

    async def answer(self, request: web.Request) -> web.Response:
        """Answers one request; what takes long waits for its turn, and nothing else does.

        Raises:
          Refusal: the body cannot be read.
        """
        method, path = request.method, request.path
        try:
            if method == "POST" and (match := _PREDICT.fullmatch(path)):
                return _json(await self._measured(match, request))
            if method == "GET" and path == PATH:
                return web.Response(
                    body=self._metrics.page(), headers={"Content-Type": CONTENT_TYPE}
                )
            if method == "GET" and (match := _STATUS.fullmatch(path)):
                tell = self._metadata if match["metadata"] else self._status
                return _json(tell(match))
            raise invalid(f"Malformed request: {method} {path}")
        except ServingError as error:
            return error_answer(error.http_status, error.message, retry=error.can_be_retried)

    async def _measured(self, match: re.Match[str], request: web.Request) -> bytes:
        start, status = time.perf_counter(), Code.OK
        try:
            return await self._in_turn(match, request)
        except ServingError as error:
            status = error.code
            raise
        except asyncio.CancelledError:
            status = Code.CANCELLED
            raise
        finally:
            seconds = time.perf_counter() - start
            name = self._manager.name_of(match["model"])
            self._metrics.request(name, status.name, "REST", seconds)

    async def _in_turn(self, match: re.Match[str], request: web.Request) -> bytes:
        body = await self._bodies.read(request)
        work = functools.partial(self._predict, match, body, encoding_of(request))
        try:
            return await self._workers.run(work, self._limits.seconds)
        except (QueueFull, DeadlineExceeded) as error:
            raise from_admission(error) from None
        except (ServingError, Refusal):
            raise
        except Exception as error:
            raise internal(error) from error
        finally:
            self._bodies.release(len(body))

    def _predict(
        self, match: re.Match[str], body: bytes, encoding: str, deadline: Deadline
    ) -> bytes:
        if match["method"].lower() != "predict":
            raise ServingError(
                Code.UNIMPLEMENTED, f"{match['method']}: only predict is served here"
            )
        with self._manager.lend(*_which(match)) as servable:
            plain = self._bodies.decoded(body, encoding)
            document = json_tensors.parse(plain, self._limits.values)
            signature = servable.signature(json_tensors.signature_name(document))
            tensors, in_rows = json_tensors.read_inputs(document, signature.inputs, self._limits)
            start = time.perf_counter()
            outputs = signature(tensors, deadline)
            self._metrics.run(match["model"], time.perf_counter() - start)
        deadline.remaining()
        return json_tensors.write_outputs(outputs, in_rows)

    def _status(self, match: re.Match[str]) -> bytes:
        found = self._manager.statuses(*_which(match))
        shown = [_status_json(version, status) for version, status in found.items()]
        return _pretty({"model_version_status": shown})

    def _metadata(self, match: re.Match[str]) -> bytes:
        with self._manager.lend(*_which(match)) as servable:
            return _pretty(_metadata_json(servable))


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": _JSON})


def _which(match: re.Match[str]) -> tuple[str, int | None, str]:
    version, digits = None, match["version"]
    if digits:
        # Python itself refuses to read thousands of digits.
        significant = digits.lstrip("0")[: _VERSION_DIGITS + 1] or "0"
        version = int(significant)
        if version >= _VERSION_LIMIT:
            raise invalid(f"Failed to convert version: {digits} to numeric.")
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
