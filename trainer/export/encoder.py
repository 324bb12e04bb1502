"""Exports the encoder: `embed_text`, `embed_image`, `attributes`, `examples`."""

from __future__ import annotations

import json
import tempfile

import numpy as np
import tensorflow as tf

from data.arrays import SplitArrays
from data.prepared import PreparedData
from trainer.config import Experiment
from trainer.export.bundle import in_float32, token_file, write_bundle
from trainer.export.signatures import ServedModule, from_example_pictures, strings
from trainer.export.warmup import warmup_inputs
from trainer.metrics.calibration import best_thresholds
from trainer.models.encoder import Encoder
from trainer.models.frozen import FrozenEncoder

THRESHOLDS = "thresholds.json"


def export_encoder(
    experiment: Experiment, prepared: PreparedData, model: Encoder, directory: str
) -> None:
    """Writes the SavedModel; its signatures stand in the trainer's README."""
    twin = in_float32(model, experiment, prepared)
    with tempfile.TemporaryDirectory() as scratch:
        data = experiment.data
        module = ServedModule(
            (twin,), token_file(prepared, scratch), data.max_length, data.resolution
        )
        held_out = prepared.arrays("val")
        thresholds = _thresholds(twin, held_out)
        signatures = _signatures(module, twin, prepared.attributes, thresholds)
        captions, pictures = warmup_inputs(held_out)
        warmup = {
            "embed_text": {"text": captions},
            "embed_image": {"image_bytes": pictures},
            "attributes": {"image_bytes": pictures},
        }
        by_name = dict(zip(prepared.attributes, thresholds.tolist(), strict=True))
        beside = {THRESHOLDS: json.dumps(by_name, ensure_ascii=False, indent=1)}
        write_bundle(
            directory, "encoder", experiment, prepared, module, signatures, model, warmup, beside
        )


def _thresholds(model: Encoder, held_out: SplitArrays) -> np.ndarray:
    """float32 [A], the scores from which attributes count as present."""
    logits = FrozenEncoder(model).images(held_out.images).attributes
    scores = tf.sigmoid(logits[:, : held_out.labels.shape[1]]).numpy()
    return best_thresholds(scores, held_out.labels)


def _signatures(
    module: ServedModule, model: Encoder, attributes: tuple[str, ...], thresholds: np.ndarray
) -> dict:
    names = tf.constant(attributes, tf.string, shape=[len(attributes)])

    @tf.function(input_signature=[strings("text")])
    def embed_text(text):
        return {"embedding": model.text_tower(module.ids(text)).embedding}

    @tf.function(input_signature=[strings("image_bytes")])
    def embed_image(image_bytes):
        return {"embedding": model.image_tower(module.pictures(image_bytes)).embedding}

    def recognise(image_bytes):
        logits = model.image_tower(module.pictures(image_bytes)).attributes[:, : len(attributes)]
        return {
            "name": tf.broadcast_to(names[None], tf.shape(logits)),
            "score": tf.sigmoid(logits),
            "threshold": tf.broadcast_to(tf.constant(thresholds)[None], tf.shape(logits)),
        }

    recognised = tf.function(recognise, input_signature=[strings("image_bytes")])
    return {
        "serving_default": recognised,
        "attributes": recognised,
        "embed_text": embed_text,
        "embed_image": embed_image,
        "examples": from_example_pictures(recognise),
    }
