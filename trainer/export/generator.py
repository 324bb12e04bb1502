"""Exports the generator with averaged weights: `serving_default`, `generate`, `interpolate`,
`examples` and, for some architectures, `reconstruct`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from types import MappingProxyType

import keras
import numpy as np
import tensorflow as tf

from data import schema
from data.base.graphs import graph
from data.images import encode_png_batch, to_uint8
from data.prepared import PreparedData, SplitArrays
from trainer.config import LARGEST_TRUNCATION, Experiment
from trainer.export.bundle import Bundle, in_float32, token_file, write_bundle
from trainer.export.lite import SAMPLES, Core
from trainer.export.signatures import (
    ServedModule,
    check_range,
    column,
    first_of,
    from_examples,
    require_same_length,
    strings,
    with_errors,
)
from trainer.export.warmup import Samples
from trainer.models.encoder import Encoder, condition_vector


def export_generator(
    experiment: Experiment,
    prepared: PreparedData,
    encoder: Encoder,
    average: keras.Model,
    directory: str,
    inference: keras.Model | None = None,
    further: Mapping[str, keras.Model] = MappingProxyType({}),
) -> None:
    """Writes the SavedModel of a generator with averaged float32 weights.

    Args:
      experiment, prepared, encoder: what it was trained with.
      average: the generator.
      directory: created or replaced as a whole.
      inference: maps (images, text) to mean and log variance of the noise; adds the signature
        `reconstruct`. None for a model without it.
      further: networks of the training that are not served, by name.
    """
    if inference is not None:
        further = {**further, "inference": inference}
    with tempfile.TemporaryDirectory() as scratch:
        painter = Painter(experiment, prepared, encoder, average, scratch, inference)
        held_out = prepared.arrays("val")
        samples = Samples(held_out, experiment.export.warm_up)
        bundle = Bundle(
            "generator",
            painter.module,
            painter.signatures(),
            average,
            samples.of_generator,
            painter.core(held_out),
            further,
        )
        write_bundle(directory, bundle, experiment, prepared)


class Painter:
    """The signatures of a generator. Pictures do not depend on their batch: see `in_chunks`."""

    def __init__(
        self,
        experiment: Experiment,
        prepared: PreparedData,
        encoder: Encoder,
        average: keras.Model,
        scratch: str,
        inference: keras.Model | None = None,
    ):
        self.tower = in_float32(encoder, experiment, prepared).text_tower
        self.average, self.inference = average, inference
        self.conditional = experiment.generator.conditional
        models = (self.tower, average) + ((inference,) if inference else ())
        self.module = ServedModule(models, experiment, token_file(prepared, scratch))
        side = experiment.data.resolution
        self.picture = tf.TensorSpec([side, side, 3], tf.uint8)
        self._seeded = [strings("text"), column("seed", tf.int64), column("truncation", tf.float32)]
        # Shared by several signatures, so it is traced only once.
        self._painted = graph(self._answered, input_signature=self._seeded)

    def signatures(self) -> dict:
        """The signatures by name."""
        ways = [
            strings("text"),
            strings("other_text"),
            column("seed", tf.int64),
            column("other_seed", tf.int64),
            column("share", tf.float32),
        ]
        found = {
            "serving_default": graph(self._by_text, input_signature=[strings("text")]),
            "generate": graph(self._generate, input_signature=self._seeded),
            "interpolate": graph(self._interpolate, input_signature=ways),
            "examples": from_examples(schema.CAPTION_TEXT, self._by_text),
        }
        if self.inference is not None:
            found["reconstruct"] = self._reconstruct(self.inference)
        return found

    def core(self, held_out: SplitArrays) -> Core:
        """The part for LiteRT: one picture of one caption.

        Its inputs are `ids`, int32 [1, L], and `noise`, float32 [1, z]. Its output is `picture`,
        uint8 [1, R, R, 3].
        """

        def paint(ids, noise):
            # LiteRT has no saturating cast; pictures in [-1, 1] do not need one.
            bright = tf.round((self.average((noise, self._told(ids))) + 1.0) * 127.5)
            return {"picture": tf.cast(bright, tf.uint8)}

        ids, width = held_out.ids[:SAMPLES, 0], self.average.noise_width
        noise = np.random.default_rng(0).standard_normal([len(ids), width], np.float32)
        return Core(paint, {"ids": ids, "noise": noise})

    def _by_text(self, text):
        seed = tf.strings.to_hash_bucket_fast(text, 2**62)
        return self._painted(text, seed, tf.ones_like(seed, tf.float32))

    def _generate(self, text, seed, truncation):
        text, seed, truncation = require_same_length(text=text, seed=seed, truncation=truncation)
        return self._painted(text, seed, truncation)

    def _answered(self, text, seed, truncation):
        text, unread = self.module.texts(text)
        truncation, wild = check_range("truncation", truncation, LARGEST_TRUNCATION)

        def paint(ids, noise):
            return self._paint(noise, self._told(ids))

        noise = truncation[:, None] * self._noise(seed)
        pictures = self.module.in_chunks(paint, (self.module.ids(text), noise), self.picture)
        answer = {"image_bytes": encode_png_batch(pictures), "text_oov": self.module.oov(text)}
        return with_errors(answer, first_of(unread, wild))

    def _interpolate(self, text, other_text, seed, other_seed, share):
        text, other_text, seed, other_seed, share = require_same_length(
            text=text, other_text=other_text, seed=seed, other_seed=other_seed, share=share
        )
        text, unread = self.module.texts(text)
        other_text, other_unread = self.module.texts(other_text)
        share, wild = check_range("share", share, 1.0)

        def paint(ids, other_ids, noise, other_noise, share):
            told = (1 - share) * self._told(ids) + share * self._told(other_ids)
            return self._paint(between(noise, other_noise, share), told)

        ids = self.module.ids(text), self.module.ids(other_text)
        noise = self._noise(seed), self._noise(other_seed)
        rows = (*ids, *noise, share[:, None])
        pictures = self.module.in_chunks(paint, rows, self.picture)
        answer = {"image_bytes": encode_png_batch(pictures)}
        return with_errors(answer, first_of(unread, other_unread, wild))

    def _reconstruct(self, inference: keras.Model):
        """The signature that generates pictures from the noise inferred from given pictures."""

        def again(given, ids):
            told = self._told(ids)
            mean, _ = inference((given, told))
            return self._paint(mean, told)

        def reconstruct(image_bytes, text):
            image_bytes, text = require_same_length(image_bytes=image_bytes, text=text)
            text, unread = self.module.texts(text)
            given, unseen = self.module.pictures(image_bytes)
            pictures = self.module.in_chunks(again, (given, self.module.ids(text)), self.picture)
            answer = {"image_bytes": encode_png_batch(pictures)}
            return with_errors(answer, first_of(unseen, unread))

        return graph(reconstruct, input_signature=[strings("image_bytes"), strings("text")])

    def _noise(self, seed):
        """Noise, float32 [N, z], from seeds, int64 [N]; each row depends only on its own seed."""
        width = self.average.noise_width
        return tf.map_fn(
            lambda one: tf.random.stateless_normal([width], tf.stack([one, 0])),
            seed,
            fn_output_signature=tf.TensorSpec([width], tf.float32),
        )

    def _told(self, ids):
        told = condition_vector(self.tower(ids))
        return told if self.conditional else told[:, :0]

    def _paint(self, noise, told):
        return to_uint8(self.average((noise, told)))


def between(noise: tf.Tensor, other: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Interpolates between two noise vectors, and between their norms.

    Linear interpolation alone would give a midpoint with a smaller norm than any noise in training.

    Args:
      noise, other: float32 [N, z].
      share: float32 [N, 1], 0 for `noise` to 1 for `other`.

    Returns:
      float32 [N, z].
    """
    straight = (1 - share) * noise + share * other
    lengths = [tf.norm(x, axis=-1, keepdims=True) for x in (noise, other, straight)]
    wanted = (1 - share) * lengths[0] + share * lengths[1]
    return straight * tf.math.divide_no_nan(wanted, lengths[2])
