"""Warm-up requests that TensorFlow Serving replays before a model takes traffic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

FILE = "tf_serving_warmup_requests"


def write_warmup(directory: str, model: str, requests: dict[str, dict[str, np.ndarray]]) -> None:
    """Writes one PredictionLog a request: `requests` maps signature names to inputs by name."""
    with tf.io.TFRecordWriter(str(Path(directory) / FILE)) as writer:
        for signature, inputs in requests.items():
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=model, signature_name=signature),
                inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
            )
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())


def warmup_inputs(arrays, count: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(captions, PNG files) as object arrays [count] from the first prepared examples."""
    captions = np.array([texts[0].encode() for texts in arrays.captions[:count]], object)
    pictures = [tf.io.encode_png(image).numpy() for image in arrays.images[:count]]
    return captions, np.array(pictures, object)
