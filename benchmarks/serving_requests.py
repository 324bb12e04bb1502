"""Requests to a model server with their right answers: well-formed ones, and a choice of bad ones.

Rows come from a model's own warm-up requests, right answers from the model called in this process.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the operations that the models use)
from tensorflow_serving.apis import prediction_log_pb2

WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
ERROR = "error"
Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
      model, signature: what is asked.
      inputs: values by input, one a row.
      wrong: what is wrong with it; "" for a good one.
      refused: whether it must fail as a whole; otherwise wrong rows must have an error each.
    """

    model: str
    signature: str
    inputs: Columns
    wrong: str = ""
    refused: bool = False


class Bare:
    """A SavedModel in this process.

    Args:
      name: the model's name on the server.
      base: directory of its versions; the newest counts.
    """

    def __init__(self, name: str, base: Path):
        versions = [path for path in base.iterdir() if path.name.isdigit()]
        self.directory = max(versions, key=lambda path: int(path.name))
        self.name = name
        self._model = tf.saved_model.load(str(self.directory))
        self._rows = _warm_up_rows(self.directory)

    @property
    def signatures(self) -> list[str]:
        """Those that there are rows for."""
        return list(self._rows)

    def request(self, signature: str, size: int, rng: np.random.Generator) -> Request:
        """A good request of `size` rows; seeds are new ones each time."""
        rows = self._rows[signature]
        chosen = rng.integers(len(next(iter(rows.values()))), size=size)
        inputs = {name: [column[row] for row in chosen] for name, column in rows.items()}
        for name in inputs.keys() & {"seed", "other_seed"}:
            inputs[name] = rng.integers(2**40, size=size).tolist()
        return Request(self.name, signature, inputs)

    def tensors(self, request: Request) -> dict[str, tf.Tensor]:
        """The inputs with their dtypes."""
        specs = self._model.signatures[request.signature].structured_input_signature[1]
        return {
            name: tf.constant(column, specs[name].dtype) for name, column in request.inputs.items()
        }

    def answer(self, request: Request) -> dict[str, np.ndarray]:
        """What the server must say to a request that is not refused."""
        found = self._model.signatures[request.signature](**self.tensors(request))
        return {name: value.numpy() for name, value in found.items()}

    def bad(self, signature: str, size: int, rng: np.random.Generator) -> Request:
        """A request that is wrong in one of many ways."""
        request = self.request(signature, size, rng)
        ways = list(_wrong(request))
        return ways[rng.integers(len(ways))]


def _warm_up_rows(directory: Path) -> dict[str, Columns]:
    """By signature, the columns of its largest warm-up request."""
    found: dict[str, Columns] = {}
    for record in tf.data.TFRecordDataset(str(directory / WARM_UP)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        # A request's sizes come in rising order.
        found[request.model_spec.signature_name] = {
            name: tf.make_ndarray(value).tolist() for name, value in request.inputs.items()
        }
    return found


def _wrong(request: Request) -> Iterator[Request]:
    """The request, wrong in each way that its inputs allow."""
    values: dict[str, dict[str, Any]] = {
        "image_bytes": {
            "no picture": b"these bytes are no picture",
            "an empty picture": b"",
            "a GIF": b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
            "a picture cut short": None,
            "a picture of 3.6 thousand million pixels": _bomb(),
        },
        "text": {"a caption of 100,000 bytes": b"red circle " * 9091},
        "language": {"an unknown language": b"tlh"},
        "truncation": {"a negative truncation": -1.0, "a huge truncation": 1e30},
        "share": {"a share above 1": 1.5},
        "examples": {"no tf.Example": b"\xff\xff\xff\xff"},
    }
    for name in request.inputs.keys() & values.keys():
        for wrong, value in values[name].items():
            column = list(request.inputs[name])
            column[-1] = column[-1][: len(column[-1]) // 2] if value is None else value
            yield replace(request, inputs={**request.inputs, name: column}, wrong=wrong)
    refused = {
        "an unknown signature": replace(request, signature="no_such_signature"),
        "an unknown model": replace(request, model="no_such_model"),
        "a misnamed input": replace(
            request, inputs={f"{name}_": column for name, column in request.inputs.items()}
        ),
        "no inputs": replace(request, inputs={}),
    }
    if len(request.inputs) > 1:
        first = sorted(request.inputs)[0]
        longer = {**request.inputs, first: request.inputs[first] * 2}
        refused["unequal lengths"] = replace(request, inputs=longer)
    for wrong, changed in refused.items():
        yield replace(changed, wrong=wrong, refused=True)


def _bomb() -> bytes:
    """A few bytes that promise a picture of 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(180_001))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def faults(request: Request, answer: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> str:
    """Says how a server's answer differs from the right one, or "".

    Bytes must be equal; numbers may be rounded by JSON.
    """
    if answer.keys() != right.keys():
        return f"outputs {sorted(answer)} in place of {sorted(right)}"
    if request.wrong and not any(right[ERROR]):
        return f"{request.wrong} was accepted"
    for name, value in right.items():
        found = answer[name]
        if value.dtype == object:
            same = [_bytes(x) for x in np.ravel(found)] == list(value.ravel())
        else:
            same = np.shape(found) == value.shape and np.allclose(found, value, 1e-5, 1e-6)
        if not same:
            return f"{name} differs"
    return ""


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
