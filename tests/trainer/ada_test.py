"""Adaptive augmentation: measured by hand, driven to its target."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.augment import Augmentation, augment, overfitting
from trainer.config import GeneratorSettings

SEED = tf.constant([3, 5])


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, (64, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("train", "held_out", "fake", "expected"),
    [
        ([2.0, 4.0], [3.0, 3.0], [-1.0], 0.0),
        ([3.0], [1.0], [-1.0], 0.5),
        ([3.0], [-1.0], [-1.0], 1.0),
        ([3.0], [-3.0], [-1.0], 1.5),
        ([0.0], [-3.0], [0.0], 0.0),
        ([0.0], [-3.0], [2.0], 0.0),
    ],
)
def test_overfitting_by_hand(train, held_out, fake, expected):
    logits = [tf.constant(values) for values in (train, held_out, fake)]
    assert float(overfitting(*logits)) == pytest.approx(expected)


def test_it_moves_by_the_pictures_seen_and_stays_between_0_and_1():
    settings = GeneratorSettings(augment_adaptive=True, augment_target=0.5, augment_images=1000)
    augmentation = Augmentation(settings)
    over = [tf.constant([x]) for x in (3.0, 0.0, -1.0)]
    under = [tf.constant([x]) for x in (3.0, 2.9, -1.0)]

    def control(logits, images):
        augmentation.control(*logits, images)
        return float(augmentation.probability.value)

    assert control(over, 100) == pytest.approx(0.1)
    assert control(over, 200) == pytest.approx(0.3)
    assert control(under, 100) == pytest.approx(0.2)
    assert control(over, 5000) == 1.0
    assert control(under, 5000) == 0.0


def test_the_probability_is_the_share_of_pictures_changed(images):
    settings = GeneratorSettings(augment_adaptive=True, augment=("cutout",))
    augmentation = Augmentation(settings)

    def changed(probability):
        augmentation.probability.assign(probability)
        return np.mean((augmentation(images, SEED).numpy() != images).any(axis=(1, 2, 3)))

    assert changed(0.0) == 0.0
    assert changed(1.0) == 1.0
    assert 0.3 < changed(0.5) < 0.7


def test_without_control_every_policy_is_applied_and_nothing_is_kept(images):
    settings = GeneratorSettings(augment=("translation", "cutout"))
    augmentation = Augmentation(settings)
    assert augmentation.variables == []
    np.testing.assert_array_equal(
        augmentation(images, SEED), augment(images, settings.augment, SEED)
    )


def test_colours_change_less_where_captions_name_them(images):
    def change(named, **settings):
        augmentation = Augmentation(GeneratorSettings(augment=("colour",), **settings), named)
        return np.abs(augmentation(images, SEED).numpy() - images).mean()

    assert change(named=False) == pytest.approx(change(named=True, augment_colour=1.0))
    assert change(named=True) == pytest.approx(change(named=False, augment_colour=1 / 3))
    assert change(named=True) < 0.5 * change(named=False)
    assert change(named=False, augment_colour=0.0) == pytest.approx(0.0, abs=1e-6)
