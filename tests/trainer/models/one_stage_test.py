"""What the one-stage pair has that others have not."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import GeneratorSettings
from trainer.models.one_stage import Modulate, OneStageBackbone, OneStageGenerator

SETTINGS = GeneratorSettings(noise=4, width=4, discriminator_width=4)


@pytest.mark.parametrize("resolution", [16, 28, 32])
def test_a_batch_without_variety_shows(resolution):
    """The last channel of the grid is the same everywhere: the batch's spread."""
    body = OneStageBackbone(SETTINGS, resolution)
    shape = (4, resolution, resolution, 3)
    images = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    alike = np.repeat(images[:1], 4, axis=0)
    spread, none = (body(x).numpy()[..., -1] for x in (images, alike))
    assert np.ptp(spread, axis=(1, 2)).max() == 0
    np.testing.assert_allclose(none, 1e-4, rtol=1e-3)
    assert spread.min() > 1e-2


def test_pictures_are_compared_with_their_neighbours_alone():
    """Judged beside real pictures, generated ones have the spread that they have by themselves."""
    body, rng = OneStageBackbone(SETTINGS, 16), np.random.default_rng(2)
    real = rng.uniform(-1, 1, (8, 16, 16, 3)).astype(np.float32)
    fake = np.repeat(real[:2], 4, axis=0)
    together = body(np.concatenate([real, fake])).numpy()[..., -1]
    for own, apart in ((together[:8], real), (together[8:], fake)):
        np.testing.assert_allclose(own, body(apart).numpy()[..., -1], rtol=1e-5)
    np.testing.assert_allclose(together[8:], 1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("resolution", "condition", "places"), [(32, 6, 2), (28, 6, 1), (32, 0, 0)]
)
def test_coarse_grids_read_the_caption_if_there_is_one(resolution, condition, places):
    model = OneStageGenerator(SETTINGS, resolution, condition)
    assert len(model.consult) == places


@pytest.mark.debian13
@pytest.mark.processor
@pytest.mark.parametrize("side", [4, 7, 14])
def test_modulation_treats_equal_pictures_alike_on_grids_of_any_side(side):
    modulate = tf.function(Modulate(6))
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(1, side, side, 6)).astype(np.float32).repeat(4, axis=0)
        condition = rng.normal(size=(1, 5)).astype(np.float32).repeat(4, axis=0)
        answer = modulate(tf.constant(x), tf.constant(condition)).numpy()
        np.testing.assert_array_equal(answer, answer[:1].repeat(4, axis=0))
