"""Fused batch normalisation against Keras's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.engine.precision import policy_scope
from trainer.models.layers import FusedBatchNormalization


def pair(policy):
    with policy_scope(policy):
        layers = [
            kind(momentum=0.9)
            for kind in (FusedBatchNormalization, keras.layers.BatchNormalization)
        ]
    for layer in layers:
        layer.build((None, 4, 4, 3))
        layer.gamma.assign([0.5, 1.0, 2.0])
        layer.beta.assign([0.1, 0.0, -0.3])
    return layers


@pytest.mark.parametrize(("policy", "tolerance"), [("float32", 1e-4), ("mixed_bfloat16", 0.05)])
def test_it_trains_and_normalises_as_keras_does(policy, tolerance):
    x = tf.constant(np.random.default_rng(0).normal(2.0, 3.0, (8, 4, 4, 3)), tf.float32)
    pull = tf.constant(np.random.default_rng(1).normal(size=(8, 4, 4, 3)), tf.float32)
    seen = []
    for layer in pair(policy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.cast(layer(x, training=True), tf.float32)
            loss = tf.reduce_sum(y * pull)
        gradients = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
        seen.append([y, *gradients, *layer.weights, tf.cast(layer(x), tf.float32)])
    for fused, plain in zip(*seen, strict=True):
        np.testing.assert_allclose(fused, plain, rtol=tolerance, atol=tolerance * 2)


def test_frozen_it_uses_its_averages_and_keeps_them():
    layer, _ = pair("float32")
    layer.trainable = False
    x = tf.random.stateless_normal([8, 4, 4, 3], [0, 1]) + 5.0
    np.testing.assert_allclose(layer(x, training=True), layer(x), rtol=1e-6)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(3))
