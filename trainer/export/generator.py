"""Exports the generator: `serving_default`, `generate`, `examples`, with averaged weights."""

from __future__ import annotations

import tempfile

import keras
import numpy as np
import tensorflow as tf

from data.images import to_uint8
from data.prepared import PreparedData
from trainer.config import Experiment
from trainer.export.bundle import in_float32, token_file, write_bundle
from trainer.export.signatures import ServedModule, from_example_captions, strings
from trainer.export.warmup import warmup_inputs
from trainer.models.encoder import Encoder, telling


def export_generator(
    experiment: Experiment,
    prepared: PreparedData,
    encoder: Encoder,
    average: keras.Model,
    directory: str,
) -> None:
    """Writes the SavedModel of the float32 average."""
    reader = in_float32(encoder, experiment, prepared)
    with tempfile.TemporaryDirectory() as scratch:
        data = experiment.data
        tokens = token_file(prepared, scratch)
        module = ServedModule(
            (reader.text_tower, average),
            tokens,
            data.max_length,
            data.resolution,
        )
        signatures = _signatures(module, reader, average)
        captions, _ = warmup_inputs(prepared.arrays("val"))
        seeded = {
            "text": captions,
            "seed": np.zeros(len(captions), np.int64),
            "truncation": np.ones(len(captions), np.float32),
        }
        warmup = {"serving_default": {"text": captions}, "generate": seeded}
        write_bundle(
            directory, "generator", experiment, prepared, module, signatures, average, warmup
        )


def _signatures(module: ServedModule, encoder: Encoder, average: keras.Model) -> dict:
    def picture(row):
        ids, seed, truncation = row
        noise = truncation * tf.random.stateless_normal(
            [1, average.noise_width], tf.stack([seed, 0])
        )
        told = telling(encoder.text_tower(ids[None]))
        return tf.io.encode_png(to_uint8(average((noise, told)))[0])

    def paint(text, seed, truncation):
        # Row by row: a matrix product rounds differently in a batch of another size, and now and
        # then a pixel with it. A request's picture must not depend on its neighbours.
        rows = (module.ids(text), seed, truncation)
        pictures = tf.map_fn(picture, rows, fn_output_signature=tf.string)
        return {"image_bytes": pictures, "text_oov": module.oov(text)}

    def by_text(text):
        seed = tf.strings.to_hash_bucket_fast(text, 2**62)
        return paint(text, seed, tf.ones_like(seed, tf.float32))

    generate = tf.function(
        paint,
        input_signature=[
            strings("text"),
            tf.TensorSpec([None], tf.int64, name="seed"),
            tf.TensorSpec([None], tf.float32, name="truncation"),
        ],
    )
    return {
        "serving_default": tf.function(by_text, input_signature=[strings("text")]),
        "generate": generate,
        "examples": from_example_captions(by_text),
    }
