"""The deep convolutional pair."""

import numpy as np
import pytest

from trainer.config import GeneratorSettings
from trainer.models.dcgan import DcganBackbone, DcganGenerator

SETTINGS = GeneratorSettings(architecture="dcgan", noise=3, width=2, discriminator_width=2)


@pytest.fixture
def inputs():
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=(8, size)).astype(np.float32) for size in (3, 5))


def moving(model):
    return {v.path: np.asarray(v.value) for v in model.variables if "moving" in v.path}


def test_training_normalises_by_the_batch_and_painting_by_what_training_saw(inputs):
    model = DcganGenerator(SETTINGS, 16, 5)
    first = model(inputs).numpy()
    before = moving(model)
    trained = model(inputs, training=True).numpy()
    assert all((after != before[path]).any() for path, after in moving(model).items())
    assert np.abs(trained - first).max() > 1e-2
    for _ in range(60):
        model(inputs, training=True)
    np.testing.assert_allclose(model(inputs), trained, atol=0.02)


def test_in_training_a_picture_depends_on_its_batch(inputs):
    model = DcganGenerator(SETTINGS, 16, 5)
    noise, text = inputs
    together = model((noise, text), training=True)
    half = model((noise[:4], text[:4]), training=True)
    assert np.abs(half - together[:4]).max() > 1e-2


@pytest.mark.parametrize(("resolution", "halvings", "side"), [(32, 3, 4), (28, 2, 7), (8, 1, 4)])
def test_each_convolution_of_the_body_halves_the_side(resolution, halvings, side):
    body = DcganBackbone(SETTINGS, resolution)
    images = np.zeros((2, resolution, resolution, 3), np.float32)
    assert len(body.shrink) == halvings
    assert body(images).shape == (2, side, side, body.channels)


def test_what_the_body_sees_in_a_picture_does_not_depend_on_its_neighbours():
    body = DcganBackbone(SETTINGS, 16)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    together = body(images)
    for row in range(4):
        np.testing.assert_allclose(body(images[row : row + 1])[0], together[row], atol=1e-6)
