"""Exports the encoder: `embed_text`, `embed_image`, `attributes`, `examples`."""

from __future__ import annotations

import tempfile

import tensorflow as tf

from data.prepared import PreparedData
from trainer.config import Experiment
from trainer.export.bundle import in_float32, token_file, write_bundle
from trainer.export.signatures import ServedModule, from_example_pictures, strings
from trainer.export.warmup import warmup_inputs
from trainer.models.encoder import Encoder


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
        signatures = _signatures(module, twin, prepared.attributes)
        captions, pictures = warmup_inputs(prepared.arrays("val"))
        warmup = {
            "embed_text": {"text": captions},
            "embed_image": {"image_bytes": pictures},
            "attributes": {"image_bytes": pictures},
        }
        write_bundle(directory, "encoder", experiment, prepared, module, signatures, model, warmup)


def _signatures(module: ServedModule, model: Encoder, attributes: tuple[str, ...]) -> dict:
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
        }

    recognised = tf.function(recognise, input_signature=[strings("image_bytes")])
    return {
        "serving_default": recognised,
        "attributes": recognised,
        "embed_text": embed_text,
        "embed_image": embed_image,
        "examples": from_example_pictures(recognise),
    }
