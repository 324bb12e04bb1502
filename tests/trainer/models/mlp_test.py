"""The multilayer perceptrons against plain matrix products."""

import numpy as np

from trainer.config import GeneratorSettings
from trainer.models.mlp import MlpBackbone, MlpGenerator

SETTINGS = GeneratorSettings(architecture="mlp", noise=3, width=1, discriminator_width=1)


def dense(x, layer):
    return x @ np.asarray(layer.kernel.value) + np.asarray(layer.bias.value)


def test_a_picture_is_a_sigmoid_stretched_to_both_signs():
    model = MlpGenerator(SETTINGS, 4, 2)
    rng = np.random.default_rng(0)
    noise, text = (rng.normal(size=(2, size)).astype(np.float32) for size in (3, 2))
    images = model((noise, text))
    model.pixels.bias.assign(rng.normal(size=48))
    hidden = np.concatenate([noise, text], axis=1)
    for layer in (model.first, model.second):
        hidden = np.maximum(dense(hidden, layer), 0.0)
    sigmoid = 1 / (1 + np.exp(-dense(hidden, model.pixels)))
    expected = (2 * sigmoid - 1).reshape(2, 4, 4, 3)
    np.testing.assert_allclose(model((noise, text)), expected, rtol=1e-4, atol=1e-6)
    assert images.shape == expected.shape and expected.min() < -0.5 and expected.max() > 0.5


def test_the_body_takes_the_larger_of_two_affine_functions_twice():
    body = MlpBackbone(SETTINGS, 4)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 4, 4, 3)).astype(np.float32)
    found = body(images)
    x = images.reshape(2, -1)
    for layer in (body.first, body.second):
        both = dense(x, layer.pieces)
        x = np.maximum(both[:, : body.channels], both[:, body.channels :])
    assert found.shape == (2, 1, 1, body.channels)
    np.testing.assert_allclose(found[:, 0, 0], x, rtol=1e-4, atol=1e-6)
