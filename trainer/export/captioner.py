"""Exports the captioner and its signatures; beam search is part of the graph."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial

import numpy as np
import tensorflow as tf

from data import schema
from data.base.graphs import graph
from data.images import to_float
from data.prepared import PreparedData, SplitArrays
from data.text import END, PAD, decode
from trainer.config import Experiment
from trainer.export.bundle import Bundle, in_float32, token_file, write_bundle
from trainer.export.lite import SAMPLES, Core
from trainer.export.signatures import (
    ServedModule,
    column,
    first_of,
    from_examples,
    require_same_length,
    strings,
    where,
    with_errors,
)
from trainer.export.warmup import Samples
from trainer.models.build import build_captioner
from trainer.models.captioner import Captioner, search
from trainer.models.decoding import Hypothesis
from trainer.models.encoder import GRID, Encoder, condition_vector
from trainer.models.frozen import flatten_grid


class CaptionerModule(ServedModule):
    """A `ServedModule` with the languages of its captions."""

    def __init__(self, *arguments, languages: Sequence[str]):
        super().__init__(*arguments)
        self._languages = tuple(languages)

    @graph(input_signature=[])
    def languages(self) -> tf.Tensor:
        """The primary subtags of the languages, string [languages], the default first."""
        return tf.constant(self._languages)

    def number_of(self, language: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Looks up BCP-47 tags, string [N].

        Returns:
          int32 [N], indices in `languages`, and string [N], errors.
        """
        asked = tf.strings.lower(tf.strings.regex_replace(language, "[-_].*", ""))
        found = asked[:, None] == tf.constant(self._languages)[None, :]
        known = ", ".join(self._languages)
        shown = tf.strings.unicode_transcode(language, "UTF-8", "UTF-8", errors="replace")
        shown = tf.strings.substr(shown, 0, 40, unit="UTF8_CHAR")
        message = tf.strings.join(["unknown language '", shown, f"'; known are: {known}"])
        unknown = ~tf.reduce_any(found, axis=1)
        return tf.argmax(found, axis=1, output_type=tf.int32), where(unknown, message)


def export_captioner(
    experiment: Experiment,
    prepared: PreparedData,
    encoder: Encoder,
    model: Captioner,
    directory: str,
) -> None:
    """Writes the SavedModel of a captioner.

    Args:
      experiment, prepared, encoder: what it was trained with.
      model: the captioner.
      directory: created or replaced as a whole.
    """
    held_out = prepared.arrays("val")
    samples = Samples(held_out, experiment.export.warm_up)
    with tempfile.TemporaryDirectory() as scratch:
        speaker = Speaker(experiment, prepared, encoder, model, scratch)
        bundle = Bundle(
            "captioner",
            speaker.module,
            speaker.signatures(),
            model,
            partial(samples.of_captioner, languages=model.languages),
            speaker.core(held_out),
            languages=model.languages,
        )
        write_bundle(directory, bundle, experiment, prepared)


class Speaker:
    """The signatures of a captioner. Captions do not depend on their batch: see `in_chunks`."""

    def __init__(
        self,
        experiment: Experiment,
        prepared: PreparedData,
        encoder: Encoder,
        model: Captioner,
        scratch: str,
    ):
        self.tower = in_float32(encoder, experiment, prepared).image_tower
        self.model = _in_float32(model, experiment)
        self.settings, self.steps = experiment.captioner, experiment.data.max_length - 1
        self.pieces = tf.constant(prepared.tokens.pieces)
        self.module = CaptionerModule(
            (self.tower, self.model),
            experiment,
            token_file(prepared, scratch),
            languages=model.languages,
        )
        # Shared by several signatures, so it is traced only once.
        asked = [strings("image_bytes"), column("language", tf.int32)]
        self._say = graph(self._said, input_signature=asked)

    def signatures(self) -> dict:
        """The signatures by name."""
        of_picture, in_language = [strings("image_bytes")], [strings("language")]
        return {
            "serving_default": graph(self._caption, input_signature=of_picture),
            "caption_in": graph(self._caption_in, input_signature=of_picture + in_language),
            "explain": graph(self._explain, input_signature=of_picture),
            "examples": from_examples(schema.IMAGE_ENCODED, self._caption),
        }

    def core(self, held_out: SplitArrays) -> Core:
        """The part for LiteRT: one caption of one picture.

        Its inputs are `picture`, float32 [1, R, R, 3] in [-1, 1], and `language`, int32 [1], an
        index in `languages`. Its outputs are `ids`, int32 [1, s], and `log_prob`, float32 [1].
        """

        def say(picture, language):
            found = self._search(picture, language)
            return {"ids": found.ids, "log_prob": found.log_prob}

        pictures = to_float(held_out.images[:SAMPLES]).numpy()
        language = np.arange(len(pictures), dtype=np.int32) % len(self.model.languages)
        return Core(say, {"picture": pictures, "language": language})

    def _caption(self, image_bytes):
        return self._written(*self._say(image_bytes, _first(image_bytes)))

    def _caption_in(self, image_bytes, language):
        image_bytes, language = require_same_length(image_bytes=image_bytes, language=language)
        number, unknown = self.module.number_of(language)
        found, unseen = self._say(image_bytes, number)
        return self._written(found, first_of(unseen, unknown))

    def _explain(self, image_bytes):
        found, errors = self._say(image_bytes, _first(image_bytes))
        silent = tf.logical_or(found.ids == PAD, found.ids == END)
        seen = {
            "tokens": tf.where(silent, "", tf.gather(self.pieces, found.ids)),
            "attention": tf.reshape(found.attention, [-1, self.steps, GRID, GRID]),
        }
        return with_errors(seen | self._written(found, errors), errors)

    def _written(self, found: Hypothesis, errors: tf.Tensor) -> dict[str, tf.Tensor]:
        answer = {"caption": decode(found.ids, self.pieces), "log_prob": found.log_prob}
        return with_errors(answer, errors)

    def _said(self, image_bytes, language) -> tuple[Hypothesis, tf.Tensor]:
        pictures, errors = self.module.pictures(image_bytes)
        places = GRID * GRID
        signature = Hypothesis(
            tf.TensorSpec([self.steps], tf.int32),
            tf.TensorSpec([], tf.float32),
            tf.TensorSpec([self.steps, places], tf.float32),
        )
        return self.module.in_chunks(self._search, (pictures, language), signature), errors

    def _search(self, pictures, language) -> Hypothesis:
        code = self.tower(pictures)
        grid, told = flatten_grid(code.grid), condition_vector(code)
        return search(self.model, grid, told, self.settings, self.steps, language)


def _first(image_bytes: tf.Tensor) -> tf.Tensor:
    """The index of the default language for each row, int32 [N]."""
    return tf.zeros([tf.shape(image_bytes)[0]], tf.int32)


def _in_float32(model: Captioner, experiment: Experiment) -> Captioner:
    grid, condition = model.input_sizes
    twin = build_captioner(
        experiment, model.frequencies, grid, condition, "float32", model.languages
    )
    twin.set_weights(model.get_weights())
    return twin
