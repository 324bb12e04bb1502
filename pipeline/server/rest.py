"""TensorFlow Serving's REST interface, and its JSON.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from aiohttp import web
from tensorflow.core.framework import types_pb2

from pipeline.server.config import Limits
from pipeline.server.errors import Code, ServingError, from_admission, internal, invalid
from pipeline.server.http_requests import (
    BodyReader,
    Deadline,
    DeadlineExceeded,
    QueueFull,
    Refusal,
    WorkerPool,
    encoding_of,
)
from pipeline.server.http_thread import error_answer
from pipeline.server.metrics import CONTENT_TYPE, PATH, Metrics
from pipeline.server.servables import MAX_RANK, Manager, Servable, Spec, Status

_BASE64_KEY, _BYTES_SUFFIX = "b64", "_bytes"
_SHOWN = 60
_WHICH = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(
    rf"(?ai)/v1/models/(?P<model>[^/:]+){_WHICH}:(?P<method>classify|regress|predict)"
)
_STATUS = re.compile(rf"(?ai)/v1/models/(?P<model>[^/:]+){_WHICH}(?P<metadata>/metadata)?")
_JSON = "application/json"
_VERSION_LIMIT, _VERSION_DIGITS = 2**63, 19


def parse(body: bytes, max_values: int) -> dict[str, Any]:
    """Reads the JSON object of a request.

    Raises:
      ServingError: it is none, or has more values than `max_values`.
    """
    # Python's reader takes twenty times the memory of a body that is all brackets, and lets no
    # other thread run meanwhile. Commas of texts are counted too.
    if (values := sum(map(body.count, (b",", b"[", b"{")))) > max_values:
        raise invalid(
            f"the request has {values} commas and brackets; at most {max_values} are read"
        )
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_shown(document)} Is not object")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature that a request asks for, "" for the default one."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(f"'signature_name' key must be a string value, not {_shown(name)}")
    return name


def read_inputs(
    document: Mapping[str, Any], specs: Mapping[str, Spec], limits: Limits
) -> tuple[dict[str, np.ndarray], bool]:
    """Returns the tensors of a request, and whether it is in row format.

    Raises:
      ServingError: there is not exactly one of `instances` and `inputs`, or it does not give the
        tensors that `specs` ask for, or they are beyond `limits`.
    """
    found = {"inputs", "instances"} & set(document)
    if len(found) != 1:
        wrong = "Expecting only one of" if found else "Missing"
        raise invalid(f"{wrong} 'inputs' or 'instances' key")
    if "inputs" in document:
        return _columns(document["inputs"], specs, limits), False
    instances = document["instances"]
    if not isinstance(instances, list):
        raise invalid(f"Expecting 'instances' to be a list, not {_shown(instances)}")
    if not instances:
        raise invalid("No values in 'instances' array")
    return _rows(instances, specs, limits), True


def write_outputs(outputs: Mapping[str, np.ndarray], in_rows: bool) -> bytes:
    """The JSON of an answer; a single output stands without its name.

    Raises:
      ServingError: rows are asked for, and the outputs do not have as many as each other.
    """
    values = {alias: _plain(alias, array) for alias, array in sorted(outputs.items())}
    if not in_rows:
        answer = values if len(values) > 1 else next(iter(values.values()))
        return _dump({"outputs": answer})
    sizes = {alias: len(array) if array.ndim else -1 for alias, array in outputs.items()}
    if len(set(sizes.values())) != 1 or -1 in sizes.values():
        raise invalid(f"outputs have inconsistent batch sizes: {sizes}; ask with 'inputs'")
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return _dump({"predictions": rows if len(values) > 1 else next(iter(values.values()))})


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8")


def _rows(instances: list[Any], specs: Mapping[str, Spec], limits: Limits) -> dict[str, np.ndarray]:
    named = _is_object(instances[0])
    if not named and len(specs) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            f"are required: {', '.join(specs)}"
        )
    only = next(iter(specs))
    columns: dict[str, list[Any]] = {alias: [] for alias in specs}
    for place, instance in enumerate(instances):
        if _is_object(instance) != named:
            kind = "object but got value or list" if named else "value or list but got object"
            raise invalid(f"Expecting {kind} at item {place} of input list")
        row = instance if named else {only: instance}
        if set(row) != set(specs):
            raise invalid(
                f"Failed to process element: {place} of 'instances' list. Its keys are "
                f"{', '.join(map(_shown, row))}; they must be equal to: {', '.join(specs)}"
            )
        for alias, value in row.items():
            columns[alias].append(value)
    return {
        alias: _tensor(alias, column, specs[alias], limits) for alias, column in columns.items()
    }


def _columns(inputs: Any, specs: Mapping[str, Spec], limits: Limits) -> dict[str, np.ndarray]:
    if not _is_object(inputs):
        if len(specs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                f"are required: {', '.join(specs)}"
            )
        inputs = {next(iter(specs)): inputs}
    for alias in specs:
        if alias not in inputs:
            raise invalid(f"Missing named input: {alias} in 'inputs' object.")
    return {alias: _tensor(alias, inputs[alias], spec, limits) for alias, spec in specs.items()}


def _tensor(alias: str, value: Any, spec: Spec, limits: Limits) -> np.ndarray:
    shape = _shape(value)
    spec.check(alias, spec.dtype, shape)
    spec.check_size(alias, shape, spec.dtype.size, limits)
    leaves = [_leaf(alias, leaf, spec.dtype) for leaf in _leaves(alias, value, shape)]
    array = np.empty(len(leaves), spec.dtype.as_numpy_dtype)
    array[:] = leaves
    return array.reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    sizes: list[int] = []
    while isinstance(value, list) and len(sizes) <= MAX_RANK:
        sizes.append(len(value))
        value = value[0] if value else None
    return tuple(sizes)


def _leaves(alias: str, value: Any, shape: tuple[int, ...]) -> Iterator[Any]:
    """Values of nested lists in order; refuses lists that are longer or deeper than the first."""
    if not shape:
        if isinstance(value, list):
            raise invalid(f"input {alias}: a list stands where a value is expected")
        yield value
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        found = f"{len(value)} values" if isinstance(value, list) else _shown(value)
        raise invalid(f"input {alias}: {found} where a list of {shape[0]} is expected")
    for part in value:
        yield from _leaves(alias, part, shape[1:])


def _leaf(alias: str, value: Any, dtype: tf.DType) -> Any:
    """One JSON value as one of `dtype`."""
    if dtype == tf.string:
        return _text(alias, value)
    if dtype == tf.bool:
        fits = isinstance(value, bool)
    elif dtype.is_integer:
        whole = isinstance(value, int) and not isinstance(value, bool)
        fits = whole and dtype.min <= value <= dtype.max
    else:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = dtype.is_floating and number and not _overflows(value, dtype)
    if not fits:
        raise _not_of_type(alias, value, dtype)
    return value


def _overflows(value: float, dtype: tf.DType) -> bool:
    """Whether a finite number is beyond what `dtype` can hold."""
    return abs(value) > float(dtype.max) and abs(value) != float("inf")


def _text(alias: str, value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError:
            raise invalid(f"input {alias}: {_shown(value)} is no valid Unicode") from None
    if not isinstance(value, dict):
        raise _not_of_type(alias, value, tf.string)
    if set(value) != {_BASE64_KEY} or not isinstance(value[_BASE64_KEY], str):
        raise invalid(
            f"input {alias}: JSON Value: {_shown(value)} not formatted correctly for base64 data"
        )
    encoded = "".join(value[_BASE64_KEY].split()).rstrip("=")
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"input {alias}: Unable to base64 decode {_shown(value)}") from None


def _not_of_type(alias: str, value: Any, dtype: tf.DType) -> Exception:
    return invalid(
        f"input {alias}: JSON Value: {_shown(value)} is not of expected type: {dtype.name}"
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and set(value) != {_BASE64_KEY}


def _plain(alias: str, array: np.ndarray) -> Any:
    """Nested lists of what JSON can write."""
    if array.dtype == object:
        as_bytes = alias.endswith(_BYTES_SUFFIX)
        flat = [_written(value, as_bytes) for value in array.ravel()]
        boxes = np.empty(len(flat), object)
        boxes[:] = flat
        return boxes.reshape(array.shape).tolist()
    if array.dtype == np.float32:
        # The shortest decimal that is this float32, and not the digits of a double near it.
        array = array.astype("U").astype(np.float64)
    return array.tolist()


def _written(value: bytes, as_bytes: bool) -> Any:
    if as_bytes:
        return {_BASE64_KEY: base64.b64encode(value).decode("ascii")}
    return value.decode("utf-8", "replace")


def _shown(value: Any) -> str:
    """The beginning of a value's JSON; no more than it is written, however large the value is."""
    if isinstance(value, str):
        value = value[:_SHOWN]
    # Each list within another is a part, so that no value is nested too deeply for it.
    parts = json.JSONEncoder(ensure_ascii=False).iterencode(value)
    text = "".join(part[:_SHOWN] for part in itertools.islice(parts, _SHOWN))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


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
            document = parse(plain, self._limits.values)
            signature = servable.signature(signature_name(document))
            tensors, in_rows = read_inputs(document, signature.inputs, self._limits)
            start = time.perf_counter()
            outputs = signature(tensors, deadline)
            self._metrics.run(match["model"], time.perf_counter() - start)
        deadline.remaining()
        return write_outputs(outputs, in_rows)

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
