"""Exports the generator: `serving_default`, `generate`, `examples`, with averaged weights."""

from __future__ import annotations

import tempfile
from functools import partial

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
    inference: keras.Model | None = None,
) -> None:
    """Writes the SavedModel of the float32 average.

    Args:
      experiment, prepared, encoder: what it was trained with.
      average: the generator.
      directory: made or replaced as a whole.
      inference: (images, text) -> mean and log variance of the noise, of a model that has it; it
        adds the signature `reconstruct`.
    """
    reader = in_float32(encoder, experiment, prepared)
    models = (reader.text_tower, average) + ((inference,) if inference else ())
    with tempfile.TemporaryDirectory() as scratch:
        data = experiment.data
        tokens = token_file(prepared, scratch)
        module = ServedModule(models, tokens, data.max_length, data.resolution)
        painter = _Painter(module, reader, average, experiment.generator.conditional)
        signatures = painter.signatures()
        if inference is not None:
            signatures["reconstruct"] = painter.reconstruct(inference)
        warmup = _warmup(prepared, signatures)
        write_bundle(
            directory, "generator", experiment, prepared, module, signatures, average, warmup
        )


class _Painter:
    """Signatures of one generator.

    All paint row by row: a matrix product rounds differently in a batch of another size, and now
    and then a pixel with it. A request's picture must not depend on its neighbours.
    """

    def __init__(self, module: ServedModule, reader: Encoder, average, conditional: bool):
        self.module, self.reader, self.average = module, reader, average
        self.conditional = conditional

    def signatures(self) -> dict:
        def by_text(text):
            seed = tf.strings.to_hash_bucket_fast(text, 2**62)
            return self._generate(text, seed, tf.ones_like(seed, tf.float32))

        whole, part = partial(_column, dtype=tf.int64), partial(_column, dtype=tf.float32)
        return {
            "serving_default": tf.function(by_text, input_signature=[strings("text")]),
            "generate": tf.function(
                self._generate, input_signature=[strings("text"), whole("seed"), part("truncation")]
            ),
            "interpolate": tf.function(
                self._interpolate,
                input_signature=[
                    strings("text"),
                    strings("other_text"),
                    whole("seed"),
                    whole("other_seed"),
                    part("share"),
                ],
            ),
            "examples": from_example_captions(by_text),
        }

    def reconstruct(self, inference):
        """The signature that paints pictures again from the noise inferred from them."""

        def again(row):
            image, ids = row
            told = self._told(ids)
            mean, _ = inference((self.module.pictures(image[None]), told))
            return self._png(mean, told)

        def reconstruct(image_bytes, text):
            rows = (image_bytes, self.module.ids(text))
            return {"image_bytes": _each(again, rows)}

        return tf.function(reconstruct, input_signature=[strings("image_bytes"), strings("text")])

    def _generate(self, text, seed, truncation):
        def picture(row):
            ids, seed, truncation = row
            return self._png(truncation * self._noise(seed), self._told(ids))

        pictures = _each(picture, (self.module.ids(text), seed, truncation))
        return {"image_bytes": pictures, "text_oov": self.module.oov(text)}

    def _interpolate(self, text, other_text, seed, other_seed, share):
        def picture(row):
            ids, other_ids, seed, other_seed, share = row
            noise = between(self._noise(seed), self._noise(other_seed), share)
            told = (1 - share) * self._told(ids) + share * self._told(other_ids)
            return self._png(noise, told)

        rows = (self.module.ids(text), self.module.ids(other_text), seed, other_seed, share)
        return {"image_bytes": _each(picture, rows)}

    def _noise(self, seed):
        return tf.random.stateless_normal([1, self.average.noise_width], tf.stack([seed, 0]))

    def _told(self, ids):
        told = telling(self.reader.text_tower(ids[None]))
        return told if self.conditional else told[:, :0]

    def _png(self, noise, told):
        return tf.io.encode_png(to_uint8(self.average((noise, told)))[0])


def between(noise: tf.Tensor, other: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """A point on the way from one noise [N, z] to another that is as long as they are.

    On the straight line the middle would be shorter than any noise that the generator has seen.
    """
    straight = (1 - share) * noise + share * other
    lengths = [tf.norm(x, axis=-1, keepdims=True) for x in (noise, other, straight)]
    wanted = (1 - share) * lengths[0] + share * lengths[1]
    return straight * tf.math.divide_no_nan(wanted, lengths[2])


def _each(picture, rows):
    return tf.map_fn(picture, rows, fn_output_signature=tf.string)


def _column(name: str, dtype: tf.DType) -> tf.TensorSpec:
    return tf.TensorSpec([None], dtype, name=name)


def _warmup(prepared: PreparedData, signatures: dict) -> dict[str, dict[str, np.ndarray]]:
    captions, pictures = warmup_inputs(prepared.arrays("val"))
    seeds, ones = np.zeros(len(captions), np.int64), np.ones(len(captions), np.float32)
    requests = {
        "serving_default": {"text": captions},
        "generate": {"text": captions, "seed": seeds, "truncation": ones},
        "interpolate": {
            "text": captions,
            "other_text": captions,
            "seed": seeds,
            "other_seed": seeds + 1,
            "share": ones / 2,
        },
        "reconstruct": {"image_bytes": pictures, "text": captions},
    }
    return {name: inputs for name, inputs in requests.items() if name in signatures}
