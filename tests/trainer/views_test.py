"""Views of pictures: what may change, how far, and that each draw has its own rows."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.augment import random_crop, view
from trainer.config import EncoderSettings
from trainer.engine import randomness

SEED = tf.constant([3, 5])
CHANGES = {"shift": 2, "crop": 0.4, "flip": True, "colour": 0.5, "cutout": 0.4}


def settings(**chosen):
    return EncoderSettings(**{"shift": 0} | chosen)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return tf.constant(rng.uniform(-1.0, 1.0, (32, 16, 16, 3)), tf.float32)


@pytest.fixture(scope="module")
def boxes():
    """(top, left, bottom, right) [512, 4] of what crops show of pictures that tell their places."""
    place = np.linspace(0.0, 1.0, 16, dtype=np.float32)
    picture = np.stack([*np.meshgrid(place, place, indexing="ij"), np.zeros((16, 16))], axis=-1)
    crops = random_crop(tf.constant([picture] * 512, tf.float32), SEED, 0.4).numpy()
    assert crops.shape == (512, 16, 16, 3)
    return np.concatenate([crops[:, 0, 0, :2], crops[:, -1, -1, :2]], axis=1)


def test_without_changes_a_view_is_the_picture(images):
    assert view(images, settings(), SEED) is images


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_drawn_for_each_picture_by_the_seed(images, name):
    chosen, alike = settings(**{name: CHANGES[name]}), tf.repeat(images[:1], 32, axis=0)
    once = view(alike, chosen, SEED).numpy()
    assert once.shape == alike.shape and np.abs(once).max() <= 1.0
    np.testing.assert_array_equal(once, view(alike, chosen, SEED))
    assert (once != view(alike, chosen, tf.constant([3, 6])).numpy()).any()
    assert len({picture.tobytes() for picture in once}) > (1 if name == "flip" else 6)


def test_a_flip_mirrors_half_of_the_pictures(images):
    seen = view(images, settings(flip=True), SEED).numpy()
    mirrored = [
        np.array_equal(after, before[:, ::-1])
        for before, after in zip(images.numpy(), seen, strict=True)
    ]
    assert 8 < sum(mirrored) < 24
    kept = ~np.array(mirrored)
    np.testing.assert_array_equal(seen[kept], images.numpy()[kept])


def test_a_crop_is_a_part_of_the_picture_with_area_and_aspect_in_their_ranges(boxes):
    assert boxes.min() >= -1e-5 and boxes.max() <= 1 + 1e-5
    height, width = (boxes[:, 2:] - boxes[:, :2]).T
    area, aspect = height * width, width / height
    assert 0.4 - 1e-4 <= area.min() < 0.42 and 0.9 < area.max() <= 1 + 1e-4
    assert 3 / 4 - 1e-4 <= aspect.min() < 0.8 and 1.25 < aspect.max() <= 4 / 3 + 1e-4


def test_crops_lie_anywhere(boxes):
    room = 1.0 - (boxes[:, 2:] - boxes[:, :2])
    where = (boxes[:, :2] / np.maximum(room, 1e-6))[room.min(axis=1) > 0.05]
    counts = [np.histogram(axis, 4, (0.0, 1.0))[0] / len(axis) for axis in where.T]
    np.testing.assert_allclose(counts, 0.25, atol=0.08)
    assert abs(np.corrcoef(where.T)[0, 1]) < 0.2


def test_a_part_of_a_batch_gets_the_views_that_it_has_in_the_whole(images):
    whole = view(images, settings(**CHANGES), SEED).numpy()
    for index in range(2):
        with randomness.part(index, 2):
            half = view(images[16 * index : 16 * (index + 1)], settings(**CHANGES), SEED)
        np.testing.assert_allclose(half, whole[16 * index : 16 * (index + 1)], atol=1e-5)
