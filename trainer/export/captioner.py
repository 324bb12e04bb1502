"""Exports the captioner: `serving_default`, `explain`, `examples`; beam search in the graph."""

from __future__ import annotations

import tempfile

import tensorflow as tf

from data.prepared import PreparedData
from data.text import END, PAD, decode
from trainer.config import Experiment
from trainer.export.bundle import in_float32, token_file, write_bundle
from trainer.export.signatures import ServedModule, from_example_pictures, strings
from trainer.export.warmup import warmup_inputs
from trainer.models.build import build_captioner
from trainer.models.captioner import Captioner, search
from trainer.models.encoder import GRID, Encoder, telling
from trainer.models.frozen import flatten_grid


def export_captioner(
    experiment: Experiment,
    prepared: PreparedData,
    encoder: Encoder,
    model: Captioner,
    directory: str,
) -> None:
    """Writes the SavedModel."""
    seer, speaker = in_float32(encoder, experiment, prepared), _in_float32(model, experiment)
    with tempfile.TemporaryDirectory() as scratch:
        data = experiment.data
        tokens = token_file(prepared, scratch)
        module = ServedModule((seer.image_tower, speaker), tokens, data.max_length, data.resolution)
        signatures = _signatures(module, seer, speaker, experiment, prepared)
        _, pictures = warmup_inputs(prepared.arrays("val"))
        warmup = {name: {"image_bytes": pictures} for name in ("serving_default", "explain")}
        write_bundle(
            directory, "captioner", experiment, prepared, module, signatures, model, warmup
        )


def _in_float32(model: Captioner, experiment: Experiment) -> Captioner:
    grid, condition = model.input_sizes
    twin = build_captioner(experiment, model.frequencies, grid, condition, "float32")
    twin.set_weights(model.get_weights())
    return twin


def _signatures(module, encoder, model, experiment: Experiment, prepared: PreparedData) -> dict:
    settings, steps = experiment.captioner, experiment.data.max_length - 1
    pieces = tf.constant(prepared.tokens.pieces)

    def say(image_bytes):
        code = encoder.image_tower(module.pictures(image_bytes))
        grid, told = flatten_grid(code.grid), telling(code)
        return search(model, grid, told, settings, steps)

    def caption(image_bytes):
        found = say(image_bytes)
        return {"caption": decode(found.ids, pieces), "log_prob": found.log_prob}

    @tf.function(input_signature=[strings("image_bytes")])
    def explain(image_bytes):
        found = say(image_bytes)
        silent = tf.logical_or(found.ids == PAD, found.ids == END)
        places = tf.concat([tf.shape(found.ids), [GRID, GRID]], axis=0)
        return {
            "caption": decode(found.ids, pieces),
            "log_prob": found.log_prob,
            "tokens": tf.where(silent, "", tf.gather(pieces, found.ids)),
            "attention": tf.reshape(found.attention, places),
        }

    return {
        "serving_default": tf.function(caption, input_signature=[strings("image_bytes")]),
        "explain": explain,
        "examples": from_example_pictures(caption),
    }
