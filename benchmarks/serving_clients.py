"""The requests of TensorFlow Serving's clients, over REST and gRPC; one object a thread."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any, Protocol

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from benchmarks.serving_requests import Request

TIMEOUT = 120.0
# Codes that say that the request is at fault, not the server.
CLIENT_FAULTS = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
)


class Refused(Exception):
    """The server says that the request is wrong, and why."""


class Failed(Exception):
    """The server did not answer, or not in a way that its protocol knows."""


class Client(Protocol):
    """A connection to a server."""

    def __call__(self, request: Request) -> dict[str, np.ndarray]:
        """Returns the outputs by name, or raises `Refused` or `Failed`."""


class RestClient:
    """`POST /v1/models/NAME:predict` with columns of inputs, on one connection.

    Args:
      address: `host:port`.
    """

    def __init__(self, address: str):
        self._connection = http.client.HTTPConnection(address, timeout=TIMEOUT)

    def __call__(self, request: Request) -> dict[str, np.ndarray]:
        inputs = {
            name: [_plain(name, value) for value in column]
            for name, column in request.inputs.items()
        }
        body = json.dumps({"signature_name": request.signature, "inputs": inputs})
        return _columns(self.call("POST", f"/v1/models/{request.model}:predict", body))

    def call(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        """Returns the JSON that the server answers, or raises `Refused` or `Failed`."""
        try:
            self._connection.request(method, path, body, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Failed(f"{type(error).__name__}: {error}") from None
        try:
            answer = json.loads(content)
        except ValueError:
            raise Failed(f"status {response.status}, no JSON: {content[:80]!r}") from None
        if response.status == http.client.OK:
            return answer
        if 400 <= response.status < 500 and answer.get("error"):
            raise Refused(answer["error"])
        raise Failed(f"status {response.status}: {content[:200]!r}")


class GrpcClient:
    """`PredictionService.Predict`, on one channel.

    Args:
      address: `host:port`.
    """

    def __init__(self, address: str):
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.insecure_channel(address, options=unlimited)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def __call__(self, request: Request) -> dict[str, np.ndarray]:
        message = predict_pb2.PredictRequest()
        message.model_spec.name = request.model
        message.model_spec.signature_name = request.signature
        for name, column in request.inputs.items():
            message.inputs[name].CopyFrom(tf.make_tensor_proto(column, _DTYPES.get(name)))
        try:
            answer = self._stub.Predict(message, timeout=TIMEOUT)
        except grpc.RpcError as error:
            if error.code() in CLIENT_FAULTS and error.details():
                raise Refused(error.details()) from None
            raise Failed(f"{error.code()}: {error.details()}") from None
        return {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}


_DTYPES = {
    "seed": tf.int64,
    "other_seed": tf.int64,
    "truncation": tf.float32,
    "share": tf.float32,
}


def _plain(name: str, value: Any) -> Any:
    """A value as JSON has it; bytes that may be no UTF-8 in base64."""
    if not isinstance(value, bytes):
        return value
    if name in ("text", "other_text", "language"):
        return value.decode("utf-8")
    return {"b64": base64.b64encode(value).decode()}


def _columns(answer: dict[str, Any]) -> dict[str, np.ndarray]:
    def decoded(value: Any) -> Any:
        if isinstance(value, dict):
            return base64.b64decode(value["b64"])
        return [decoded(item) for item in value] if isinstance(value, list) else value

    found = {}
    for name, column in answer["outputs"].items():
        values = decoded(column)
        kind = object if _holds_text(values) else np.float32
        found[name] = np.array(values, kind)
    return found


def _holds_text(values: Any) -> bool:
    while isinstance(values, list) and values:
        values = values[0]
    return isinstance(values, str | bytes)
