"""What choices within a model and its batches are worth in a training step, at the demo's sizes.

python -m benchmarks.step_choices
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from benchmarks.paired import compare
from data.base.graphs import graph
from trainer.config import EncoderSettings, Experiment
from trainer.engine.batches import Sampler, SimilarLengths
from trainer.engine.precision import choose
from trainer.models import encoder as encoder_module
from trainer.models.build import build_captioner, build_encoder
from trainer.models.layers import FusedBatchNormalization

VOCABULARY, ATTRIBUTES, LENGTH, BATCH = 164, 195, 32, 64
# Tokens of the demo's captions: 5 to 32, 14 in the mean.
LENGTHS = np.clip(np.random.default_rng(0).gamma(6.0, 2.35, 30_000), 5, LENGTH).astype(int)


def ids(lengths: np.ndarray, width: int) -> np.ndarray:
    """Captions of those lengths, padded to `width`."""
    words = np.random.default_rng(1).integers(4, VOCABULARY, (len(lengths), width))
    return np.where(np.arange(width) < lengths[:, None], words, 0).astype(np.int32)


def step(model: keras.Model, *inputs, training: dict) -> Callable[[], object]:
    """Forward and backward pass through all weights, compiled."""
    variables = [v.value for v in model.trainable_variables if "log_scale" not in v.path]

    @graph
    def run():
        with tf.GradientTape() as tape:
            outputs = tf.nest.flatten(model(inputs, **training))
            loss = tf.add_n([tf.reduce_mean(tf.cast(x, tf.float32) ** 2) for x in outputs])
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]
        return tf.add_n([tf.reduce_sum(tf.cast(g, tf.float32)) for g in gradients])

    return lambda: run().numpy()


def encoder_step(policy: str, settings: EncoderSettings, norm: type):
    """A training step of the encoder with that kind of batch normalisation."""
    experiment = replace(Experiment(), encoder=settings)
    with mock.patch.object(encoder_module, "FusedBatchNormalization", norm):
        model = build_encoder(experiment, VOCABULARY, ATTRIBUTES, policy)
    images = tf.random.stateless_uniform([BATCH, 32, 32, 3], [0, 1], -1.0, 1.0)
    captions = tf.constant(ids(LENGTHS[:BATCH], LENGTH))
    return step(model, images, captions, training={"training": True, "seed": tf.constant([1, 2])})


def captioner_epoch(policy: str, sampler: SimilarLengths | Sampler, batches: int = 8):
    """Some training steps of the captioner on the batches that `sampler` draws."""
    model = build_captioner(Experiment(), np.ones(VOCABULARY), (64, 96), 323, policy)
    grid = tf.random.stateless_normal([32, 64, 96], [0, 1])
    picture = tf.random.stateless_normal([32, 323], [0, 2])

    @functools.cache
    def of_width(width: int):
        return step(model, grid, picture, tf.constant(ids(np.full(32, width), width)), training={})

    def run() -> None:
        for index in range(batches):
            rows = sampler.rows(index)
            width = sampler.width(rows) if isinstance(sampler, SimilarLengths) else LENGTH
            of_width(width)()

    return run


def main() -> None:
    policy, reason = choose("auto")
    print(f"{policy}: {reason}")
    plain = EncoderSettings()
    chosen = encoder_step(policy, plain, FusedBatchNormalization)
    compare(
        "encoder step, Keras's batch normalisation / fused",
        encoder_step(policy, plain, keras.layers.BatchNormalization),
        chosen,
    )
    recurrent = encoder_step(policy, EncoderSettings(text="gru"), FusedBatchNormalization)
    compare("encoder step, captions read by GRU / by convolution", recurrent, chosen)
    compare(
        "8 captioner steps, any lengths / similar lengths",
        captioner_epoch(policy, Sampler(len(LENGTHS), 32, 0)),
        captioner_epoch(policy, SimilarLengths(LENGTHS, 32, 0)),
        rounds=15,
    )


if __name__ == "__main__":
    main()
