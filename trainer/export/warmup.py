"""Warm-up requests, which TensorFlow Serving replays before a model serves traffic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from data.prepared import SplitArrays
from data.schema import CaptionedImage, to_example

FILE = "tf_serving_warmup_requests"

Columns = dict[str, np.ndarray]


class Samples:
    """Inputs of warm-up requests, from held-out examples, in each of the batch sizes."""

    def __init__(self, held_out: SplitArrays, sizes: Sequence[int]):
        self._sizes = sizes
        rows = range(min(max(sizes), len(held_out)))
        texts = [held_out.captions[row][0] for row in rows]
        pictures = [tf.io.encode_png(held_out.images[row]).numpy() for row in rows]
        examples = [_example(*pair) for pair in zip(pictures, texts, strict=True)]
        self._captions = _objects([text.encode() for text in texts])
        self._pictures, self._examples = _objects(pictures), _objects(examples)

    def of_encoder(self, signature: str) -> list[Columns]:
        """One request for each batch size."""
        if signature == "embed_text":
            return self._of(text=self._captions)
        return self._of_pictures(signature)

    def of_captioner(self, signature: str, languages: Sequence[str]) -> list[Columns]:
        """One request for each batch size, over all languages."""
        if signature == "caption_in":
            asked = _objects([language.encode() for language in languages])
            return self._of(image_bytes=self._pictures, language=asked)
        return self._of_pictures(signature)

    def of_generator(self, signature: str) -> list[Columns]:
        """One request for each batch size."""
        if signature == "examples":
            return self._of(examples=self._examples)
        if signature == "reconstruct":
            return self._of(image_bytes=self._pictures, text=self._captions)
        seeds, ones = np.arange(max(self._sizes)), np.ones(1, np.float32)
        inputs = {"text": self._captions}
        if signature == "generate":
            inputs |= {"seed": seeds, "truncation": ones}
        if signature == "interpolate":
            inputs |= {"other_text": self._captions[::-1], "seed": seeds}
            inputs |= {"other_seed": seeds + 1, "share": ones / 2}
        return self._of(**inputs)

    def _of_pictures(self, signature: str) -> list[Columns]:
        if signature == "examples":
            return self._of(examples=self._examples)
        return self._of(image_bytes=self._pictures)

    def _of(self, **columns: np.ndarray) -> list[Columns]:
        return [
            {name: np.resize(column, size) for name, column in columns.items()}
            for size in self._sizes
        ]


def write_warmup(
    directory: str,
    model: str,
    signatures: Iterable[str],
    requests: Callable[[str], Sequence[Columns]],
) -> None:
    """Writes a PredictionLog for each request.

    Args:
      directory: of the file.
      model: the model's name.
      signatures: names of the signatures to warm up.
      requests: maps a signature's name to the inputs, by name, of each request.
    """
    with tf.io.TFRecordWriter(str(Path(directory) / FILE)) as writer:
        for signature in signatures:
            spec = model_pb2.ModelSpec(name=model, signature_name=signature)
            for inputs in requests(signature):
                tensors = {name: tf.make_tensor_proto(value) for name, value in inputs.items()}
                request = predict_pb2.PredictRequest(model_spec=spec, inputs=tensors)
                log = prediction_log_pb2.PredictLog(request=request)
                record = prediction_log_pb2.PredictionLog(predict_log=log)
                writer.write(record.SerializeToString())


def _objects(values: Sequence[bytes]) -> np.ndarray:
    return np.array(values, object)


def _example(picture: bytes, text: str) -> bytes:
    side = tf.io.decode_png(picture).shape[0]
    record = CaptionedImage("warm-up", picture, side, side, 3, (text,), ("und",), (), "val")
    return to_example(record).SerializeToString()
