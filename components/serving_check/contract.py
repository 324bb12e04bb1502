"""The contract with clients: the signatures of each served model, and requests to test them."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.schema import CaptionedImage, to_example

# The output with the error of each row; empty for rows without an error.
ERROR = "error"


@dataclass(frozen=True)
class Signature:
    """Names of a signature's inputs and outputs."""

    inputs: frozenset[str]
    outputs: frozenset[str]


def _signature(inputs: str, outputs: str) -> Signature:
    return Signature(frozenset(inputs.split()), frozenset([*outputs.split(), ERROR]))


_NAMED, _SAID, _PAINTED = "name score threshold", "caption log_prob", "image_bytes text_oov"

CONTRACT: dict[str, dict[str, Signature]] = {
    "encoder": {
        "serving_default": _signature("image_bytes", _NAMED),
        "attributes": _signature("image_bytes", _NAMED),
        "embed_text": _signature("text", "embedding"),
        "embed_image": _signature("image_bytes", "embedding"),
        "examples": _signature("examples", _NAMED),
    },
    "captioner": {
        "serving_default": _signature("image_bytes", _SAID),
        "caption_in": _signature("image_bytes language", _SAID),
        "explain": _signature("image_bytes", f"{_SAID} tokens attention"),
        "examples": _signature("examples", _SAID),
    },
    "generator": {
        "serving_default": _signature("text", _PAINTED),
        "generate": _signature("text seed truncation", _PAINTED),
        "interpolate": _signature("text other_text seed other_seed share", "image_bytes"),
        "examples": _signature("examples", _PAINTED),
    },
}

# Maximum distance of a compressed model's outputs from those of the original model: mean difference
# of pixels, from 0 to 1, and fraction of differing ids. Beyond it, the model is broken, not just
# less precise.
COMPRESSED_LIMITS = {"picture": 0.05, "ids": 0.5}


ANSWER = "an answer"
ROW_ERROR = "an error of the last row"
REFUSAL = "InvalidArgument"
EITHER = "an answer or an error"

NO_PICTURE = b"these bytes are no picture"
NO_EXAMPLE = b"these bytes are no tf.train.Example"
NO_LANGUAGE = b"x-nobody-speaks-this"
NO_NUMBER = -1e30
ODD_TEXTS = (b"", b"\xff\xfe no UTF-8", b"word " * 5000, "\U0001f3a8\u0000\u200b".encode())


@dataclass(frozen=True)
class Twin:
    """Two rows of two answers that must be equal, regardless of the rest of their batches."""

    row: int
    other: str
    other_row: int


@dataclass(frozen=True)
class Probe:
    """One request.

    Attributes:
      name: unique among the probes of a model.
      signature: the signature called.
      inputs: a column of bytes, ints or floats for each input, one entry a row.
      expect: `ANSWER`; `ROW_ERROR`, an answer with an error only in the last row; `REFUSAL` of the
        request; or `EITHER`, where each row may have an error.
      repeats: how many times it is sent; the latency is the median.
      twins: rows that must equal rows of earlier probes.
    """

    name: str
    signature: str
    inputs: dict[str, list[Any]]
    expect: str = ANSWER
    repeats: int = 1
    twins: tuple[Twin, ...] = ()

    @property
    def rows(self) -> int:
        """The request's batch size."""
        return max(len(column) for column in self.inputs.values())

    def to_json(self) -> dict[str, Any]:
        """Returns the input of the replay process; bytes become base64."""
        inputs = {key: [_plain(value) for value in column] for key, column in self.inputs.items()}
        return {
            "name": self.name,
            "signature": self.signature,
            "inputs": inputs,
            "repeats": self.repeats,
        }


def build(model: str, pictures: Sequence[CaptionedImage], batch: int) -> list[Probe]:
    """Returns the probes of `model` ("encoder", "captioner" or "generator").

    Every signature gets a request with one row, one with `batch` rows in another order that include
    the first row, one without rows, requests with rows that must be rejected, and then the first
    request again.
    If the request has a seed, every row of the batch is also sent alone.

    Raises:
      ValueError: there is no picture for a request.
    """
    if not pictures:
        raise ValueError("no test picture to ask the model with; give examples with a test split")
    probes: list[Probe] = []
    language = _most_spoken(pictures)
    for signature, names in CONTRACT[model].items():
        rows = [_row(names.inputs, pictures[i % len(pictures)], i, language) for i in range(batch)]
        probes += _answers(signature, rows)
        probes += _refusals(signature, rows)
        probes.append(_again(probes, signature))
    return probes


def _most_spoken(pictures: Sequence[CaptionedImage]) -> str:
    """The most frequent language, which a captioner of these pictures must support."""
    return Counter(tag for picture in pictures for tag in picture.languages).most_common(1)[0][0]


def _row(
    inputs: frozenset[str], picture: CaptionedImage, number: int, language: str
) -> dict[str, Any]:
    values = {
        "text": picture.captions[number % len(picture.captions)].encode("utf-8"),
        "image_bytes": picture.encoded,
        "language": language.encode(),
        "examples": to_example(picture).SerializeToString(),
        "seed": 1000 + number,
        "truncation": 1.0 - 0.5 * (number % 2),
        "other_text": picture.captions[0].encode("utf-8"),
        "other_seed": 2000 + number,
        "share": 0.25 * (number % 5),
    }
    return {name: values[name] for name in sorted(inputs)}


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _answers(signature: str, rows: list[dict[str, Any]]) -> list[Probe]:
    alone = [Probe(f"{signature} x1", signature, _columns(rows[:1]), repeats=5)]
    if "seed" in rows[0]:
        # A picture must be identical in every batch; a single row could be equal by chance.
        alone += [
            Probe(f"{signature} row {i} alone", signature, _columns([row]))
            for i, row in enumerate(rows[1:], 1)
        ]
    last = len(rows) - 1
    twins = tuple(Twin(last - i, probe.name, 0) for i, probe in enumerate(alone))
    name = f"{signature} x{len(rows)}"
    many = Probe(name, signature, _columns(rows[::-1]), repeats=3, twins=twins)
    return [*alone, many]


def _refusals(signature: str, rows: list[dict[str, Any]]) -> list[Probe]:
    good, name = rows[0], f"{signature} with"
    probes = []
    broken = {
        "image_bytes": NO_PICTURE,
        "examples": NO_EXAMPLE,
        "language": NO_LANGUAGE,
        "truncation": NO_NUMBER,
        "share": NO_NUMBER,
    }
    for key, wrong in broken.items():
        if key in good:
            columns = _columns([good, {**good, key: wrong}])
            # The valid row must have the same answer as alone.
            twin = (Twin(0, f"{signature} x1", 0),)
            probes.append(Probe(f"{name} broken {key}", signature, columns, ROW_ERROR, twins=twin))
    if "text" in good:
        probes += [
            Probe(f"{name} odd text {i}", signature, _columns([{**good, "text": text}]), EITHER)
            for i, text in enumerate(ODD_TEXTS)
        ]
    if len(good) > 1:
        first = min(good.keys() & {"text", "image_bytes"})
        columns = {**_columns([good]), first: [good[first]] * 2}
        probes.append(Probe(f"{name} unequal lengths", signature, columns, REFUSAL))
    return [*probes, Probe(f"{name} no row at all", signature, {key: [] for key in good})]


def _again(probes: Sequence[Probe], signature: str) -> Probe:
    first = next(probe for probe in probes if probe.signature == signature)
    twins = tuple(Twin(row, first.name, row) for row in range(first.rows))
    return Probe(f"{signature} after bad requests", signature, first.inputs, twins=twins)


def _plain(value: Any) -> Any:
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
