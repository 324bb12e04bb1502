"""Exports the encoder: `embed_text`, `embed_image`, `attributes`, `examples`."""

from __future__ import annotations

import json
import tempfile

import numpy as np
import tensorflow as tf

from data import schema
from data.base.graphs import graph
from data.prepared import PreparedData, SplitArrays
from trainer.config import Experiment
from trainer.export.bundle import Bundle, in_float32, token_file, write_bundle
from trainer.export.signatures import ServedModule, from_examples, strings, with_errors
from trainer.export.warmup import Samples
from trainer.metrics.recognition import best_thresholds
from trainer.models.encoder import Encoder
from trainer.models.frozen import FrozenEncoder
from trainer.models.layers import sigmoid

THRESHOLDS = "thresholds.json"


def export_encoder(
    experiment: Experiment, prepared: PreparedData, model: Encoder, directory: str
) -> None:
    """Writes the SavedModel of an encoder; the trainer's README describes its signatures.

    Args:
      experiment, prepared: what it was trained with.
      model: the encoder.
      directory: created or replaced as a whole.
    """
    held_out = prepared.arrays("val")
    samples = Samples(held_out, experiment.export.warm_up)
    with tempfile.TemporaryDirectory() as scratch:
        seer = Seer(experiment, prepared, model, held_out, scratch)
        bundle = Bundle("encoder", seer.module, seer.signatures(), model, samples.of_encoder)
        by_name = dict(zip(prepared.attributes, seer.thresholds.tolist(), strict=True))
        beside = {THRESHOLDS: json.dumps(by_name, ensure_ascii=False, indent=1)}
        write_bundle(directory, bundle, experiment, prepared, beside)


def _thresholds(model: Encoder, held_out: SplitArrays) -> np.ndarray:
    """The lowest scores that count as present, float32 [A]."""
    logits = FrozenEncoder(model).images(held_out.images).attributes
    scores = tf.sigmoid(logits[:, : held_out.labels.shape[1]]).numpy()
    return best_thresholds(scores, held_out.labels)


class Seer:
    """The signatures of an encoder.

    Attributes:
      thresholds: float32 [A], the lowest scores that count as present.
    """

    def __init__(
        self,
        experiment: Experiment,
        prepared: PreparedData,
        model: Encoder,
        held_out: SplitArrays,
        scratch: str,
    ):
        self.twin = in_float32(model, experiment, prepared)
        self.thresholds = _thresholds(self.twin, held_out)
        self.names = tf.constant(prepared.attributes, tf.string, [len(prepared.attributes)])
        self.module = ServedModule((self.twin,), experiment, token_file(prepared, scratch))
        self.embedding = tf.TensorSpec([experiment.encoder.embedding], tf.float32)
        # Shared by several signatures, so it is traced only once.
        self._seen = graph(self._look, input_signature=[strings("image_bytes")])

    def signatures(self) -> dict:
        """The signatures by name."""
        recognise = graph(self._recognise, input_signature=[strings("image_bytes")])
        return {
            "serving_default": recognise,
            "attributes": recognise,
            "embed_text": graph(self._embed_text, input_signature=[strings("text")]),
            "embed_image": graph(self._embed_image, input_signature=[strings("image_bytes")]),
            "examples": from_examples(schema.IMAGE_ENCODED, self._recognise),
        }

    def _embed_text(self, text):
        text, errors = self.module.texts(text)

        def embed(ids):
            return self.twin.text_tower(ids).embedding

        found = self.module.in_chunks(embed, (self.module.ids(text),), self.embedding)
        return with_errors({"embedding": found}, errors)

    def _look(self, image_bytes):
        """Embeddings, float32 [N, d], scores, float32 [N, A], and errors, string [N]."""
        pictures, errors = self.module.pictures(image_bytes)
        count = len(self.thresholds)

        def look(pictures):
            code = self.twin.image_tower(pictures)
            return code.embedding, sigmoid(code.attributes[:, :count])

        signature = (self.embedding, tf.TensorSpec([count], tf.float32))
        return *self.module.in_chunks(look, (pictures,), signature), errors

    def _embed_image(self, image_bytes):
        embedding, _, errors = self._seen(image_bytes)
        return with_errors({"embedding": embedding}, errors)

    def _recognise(self, image_bytes):
        _, scores, errors = self._seen(image_bytes)
        answer = {
            "name": tf.broadcast_to(self.names[None], tf.shape(scores)),
            "score": scores,
            "threshold": tf.broadcast_to(tf.constant(self.thresholds)[None], tf.shape(scores)),
        }
        return with_errors(answer, errors)
