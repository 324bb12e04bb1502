"""Random and damaged gRPC messages to a server of `small_model`."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from tests.fuzz.http_inputs import damage

_PREDICTION, _MODEL = "/tensorflow.serving.PredictionService/", "/tensorflow.serving.ModelService/"
PREDICT = f"{_PREDICTION}Predict"
_SIZES = (0, 1, 1, 2, 2, 3, 1024, 1025, 2**30, 2**40, 2**62, 2**63 - 1, -1, -(2**63))


class Call(NamedTuple):
    """One call.

    Attributes:
      method: its path.
      messages: what is sent, of which a proper client has one.
      seconds: its deadline.
      length: what the answer must say if there is one, or None.
    """

    method: str
    messages: list[bytes]
    seconds: float
    length: list[int] | None = None


def call(random: Random) -> Call:
    """The next call."""
    kind = random.choice((_valid, _tensor, _tensor, _tensor, _damaged, _other, _work))
    made = kind(random)
    if random.random() < 0.05:
        return made._replace(messages=made.messages * random.choice((0, 2)))
    if random.random() < 0.1:
        return made._replace(seconds=random.choice((0.0, 0.001, 0.05)))
    return made


def frames(random: Random) -> bytes:
    """Bytes for the port of gRPC: hardly HTTP/2."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if random.random() < 0.8 else b""
    settings = b"\0\0\0\4\0\0\0\0\0" if random.random() < 0.8 else b""
    made = [
        len(payload := random.randbytes(random.randrange(60))).to_bytes(3, "big")
        + random.randbytes(2)
        + random.randrange(9).to_bytes(4, "big")
        + payload
        for _ in range(random.randrange(6))
    ]
    if random.random() < 0.2:
        # GOAWAY with a reason that changes a terminal's title.
        reason = bytes(8) + b"\x1b]0;title\x07"
        made.append(len(reason).to_bytes(3, "big") + b"\7" + bytes(5) + reason)
    return preface + settings + b"".join(made)


def _request(signature: str = "") -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "m", signature
    return request


def _valid(random: Random) -> Call:
    texts = ["a" * random.randrange(50) for _ in range(random.randrange(1, 40))]
    request = _request()
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(texts))
    request.output_filter.append("length")
    return Call(PREDICT, [request.SerializeToString()], 60, [len(text) for text in texts])


def _tensor(random: Random) -> Call:
    signature, aliases = random.choice(
        (("", ["text"]), ("same", ["x"]), ("scale", ["x", "factor"]), ("none", ["x"]))
    )
    request = _request(signature)
    for alias in aliases:
        tensor = request.inputs[alias]
        fitting = {"text": tf.string, "x": tf.float32, "factor": tf.int64}[alias].as_datatype_enum
        kinds = types_pb2.DataType.values()
        tensor.dtype = fitting if random.random() < 0.8 else random.choice(kinds)
        for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3, 32, 33, 300))):
            tensor.tensor_shape.dim.add().size = random.choice(_SIZES)
        tensor.tensor_shape.unknown_rank = random.random() < 0.05
        for _ in range(random.choice((0, 1, 1, 2, 5))):
            tensor.string_val.append(random.randbytes(random.choice((0, 3, 1000, 100_000))))
            tensor.float_val.append(random.random())
            tensor.int64_val.append(random.randrange(-9, 9))
        if random.random() < 0.2:
            tensor.tensor_content = random.randbytes(random.choice((0, 4, 8, 16, 17)))
        if random.random() < 0.05:
            tensor.resource_handle_val.add().name = "x"
    if random.random() < 0.1:
        request.output_filter.extend(random.choices(("length", "same", "y"), k=3))
    if random.random() < 0.1:
        request.model_spec.version.value = random.choice((0, 1, -1, 2**62))
    return Call(PREDICT, [request.SerializeToString()], 60)


def _damaged(random: Random) -> Call:
    made = _tensor(random) if random.random() < 0.5 else _valid(random)
    return made._replace(messages=[damage(random, made.messages[0])], length=None)


def _other(random: Random) -> Call:
    metadata = get_model_metadata_pb2.GetModelMetadataRequest()
    metadata.model_spec.name = random.choice(("m", "", "n", "m" * 10_000))
    metadata.metadata_field.extend(["signature_def"] * random.choice((0, 1, 1, 2)))
    status = get_model_status_pb2.GetModelStatusRequest(model_spec=metadata.model_spec)
    status.model_spec.version_label = random.choice(("", "stable", "\0"))
    reload = model_management_pb2.ReloadConfigRequest()
    reload.config.model_config_list.config.add(name="m", base_path=random.choice(("/", "m", "/\0")))
    method, message = random.choice(
        (
            (f"{_PREDICTION}GetModelMetadata", metadata),
            (f"{_MODEL}GetModelStatus", status),
            (f"{_MODEL}HandleReloadConfigRequest", reload),
            (f"{_PREDICTION}Classify", metadata),
            ("/grpc.health.v1.Health/Check", status),
            ("/", status),
        )
    )
    content = message.SerializeToString()
    return Call(method, [damage(random, content) if random.random() < 0.3 else content], 60)


def _work(random: Random) -> Call:
    """Work that lasts, and a client that often has no time for it."""
    request = _request("slow")
    rows = random.choice((1, 20, 300, 1024))
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0] * rows))
    return Call(PREDICT, [request.SerializeToString()], random.choice((0.1, 0.5, 60)))
