"""Exports the captioner with its signatures; beam search in the graph."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

import numpy as np
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


class CaptionerModule(ServedModule):
    """`ServedModule` that knows which languages it writes."""

    def __init__(self, *arguments, languages: Sequence[str]):
        super().__init__(*arguments)
        self._languages = tuple(languages)

    @tf.function(input_signature=[])
    def languages(self) -> tf.Tensor:
        """string [languages] primary subtags, the default first."""
        return tf.constant(self._languages)

    def number_of(self, language: tf.Tensor) -> tf.Tensor:
        """string [N] BCP-47 tags -> int32 [N] places in `languages`; refuses all others."""
        asked = tf.strings.lower(tf.strings.regex_replace(language, "[-_].*", ""))
        found = asked[:, None] == tf.constant(self._languages)[None, :]
        known = tf.reduce_any(found, axis=1)
        unknown = tf.strings.reduce_join(tf.boolean_mask(language, ~known), separator=", ")
        message = tf.strings.join(
            ["unknown language ", unknown, "; known are: ", ", ".join(self._languages)]
        )
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(known), [message])]):
            return tf.argmax(found, axis=1, output_type=tf.int32)


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
        module = CaptionerModule(
            (seer.image_tower, speaker),
            tokens,
            data.max_length,
            data.resolution,
            languages=model.languages,
        )
        signatures = _signatures(module, seer, speaker, experiment, prepared)
        _, pictures = warmup_inputs(prepared.arrays("val"))
        warmup = {name: {"image_bytes": pictures} for name in ("serving_default", "explain")}
        asked = np.array([model.languages[-1].encode()], object)
        warmup["caption_in"] = {"image_bytes": pictures, "language": asked}
        write_bundle(
            directory, "captioner", experiment, prepared, module, signatures, model, warmup
        )


def _in_float32(model: Captioner, experiment: Experiment) -> Captioner:
    grid, condition = model.input_sizes
    twin = build_captioner(
        experiment, model.frequencies, grid, condition, "float32", model.languages
    )
    twin.set_weights(model.get_weights())
    return twin


def _signatures(module, encoder, model, experiment: Experiment, prepared: PreparedData) -> dict:
    settings, steps = experiment.captioner, experiment.data.max_length - 1
    pieces = tf.constant(prepared.tokens.pieces)

    def say(image_bytes, language=None):
        code = encoder.image_tower(module.pictures(image_bytes))
        grid, told = flatten_grid(code.grid), telling(code)
        return search(model, grid, told, settings, steps, language)

    def written(found):
        return {"caption": decode(found.ids, pieces), "log_prob": found.log_prob}

    def caption(image_bytes):
        return written(say(image_bytes))

    @tf.function(input_signature=[strings("image_bytes"), strings("language")])
    def caption_in(image_bytes, language):
        tf.debugging.assert_equal(
            tf.shape(image_bytes), tf.shape(language), "a language for each picture is needed"
        )
        return written(say(image_bytes, module.number_of(language)))

    @tf.function(input_signature=[strings("image_bytes")])
    def explain(image_bytes):
        found = say(image_bytes)
        silent = tf.logical_or(found.ids == PAD, found.ids == END)
        places = tf.concat([tf.shape(found.ids), [GRID, GRID]], axis=0)
        return written(found) | {
            "tokens": tf.where(silent, "", tf.gather(pieces, found.ids)),
            "attention": tf.reshape(found.attention, places),
        }

    return {
        "serving_default": tf.function(caption, input_signature=[strings("image_bytes")]),
        "caption_in": caption_in,
        "explain": explain,
        "examples": from_example_pictures(caption),
    }
