"""Differentiable augmentation: reproducible, bounded, and open to gradients."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.augment import POLICIES, augment, colour, cutout, translation

SEED = tf.constant([3, 5])
ALL = tuple(sorted(POLICIES))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.uniform(0.1, 1.0, (24, 16, 16, 3)).astype(np.float32)


def shifted(image, down, right):
    """The picture moved by whole pixels, zeros where nothing was."""
    result = np.zeros_like(image)
    side = len(image)
    rows, columns = (
        range(max(0, down), side + min(0, down)),
        range(max(0, right), side + min(0, right)),
    )
    for i in rows:
        for j in columns:
            result[i, j] = image[i - down, j - right]
    return result


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_change(images, name):
    once = POLICIES[name](images, SEED).numpy()
    np.testing.assert_array_equal(once, POLICIES[name](images, SEED))
    other = POLICIES[name](images, tf.constant([3, 6])).numpy()
    assert (once != other).any()
    assert once.shape == images.shape


@pytest.mark.parametrize("name", ALL)
def test_each_picture_is_changed_in_its_own_way(images, name):
    alike = np.repeat(images[:1], 24, axis=0)
    changed = POLICIES[name](alike, SEED).numpy()
    assert len({picture.tobytes() for picture in changed}) > 6


@pytest.mark.parametrize(("share", "reach"), [(0.125, 2), (0.25, 4), (0.01, 1)])
def test_translation_is_a_shift_filled_with_grey(images, share, reach):
    moved = translation(images, SEED, share).numpy()
    offsets = range(-reach, reach + 1)
    seen = set()
    for before, after in zip(images, moved, strict=True):
        fits = [
            (down, right)
            for down in offsets
            for right in offsets
            if np.array_equal(after, shifted(before, down, right))
        ]
        assert len(fits) == 1
        seen.add(fits[0])
    assert {-reach, reach} <= {down for down, _ in seen} and {-reach, reach} <= {r for _, r in seen}


def test_cutout_greys_a_rectangle_of_at_most_its_share(images):
    cut = cutout(images, SEED, 0.4).numpy()
    gone = (cut == 0).all(axis=-1)
    np.testing.assert_array_equal(cut[~gone], images[~gone])
    for hole in gone:
        high, wide = hole.any(axis=1).sum(), hole.any(axis=0).sum()
        assert hole.sum() == high * wide
        assert 1 <= high <= np.ceil(0.4 * 16) and 1 <= wide <= np.ceil(0.4 * 16)
    assert gone.sum(axis=(1, 2)).max() >= 36


def test_cutout_meets_the_first_rows_as_often_as_the_last():
    cut = cutout(tf.ones([20_000, 16, 16, 1]), SEED, 0.4).numpy() == 0
    by_row, by_column = cut.mean(axis=(0, 2, 3)), cut.mean(axis=(0, 1, 3))
    np.testing.assert_allclose(by_row, by_row[::-1], atol=0.01)
    np.testing.assert_allclose(by_column, by_column[::-1], atol=0.01)


def test_colour_keeps_the_order_of_channels_and_stays_mild(images):
    changed = colour(images, SEED).numpy()
    np.testing.assert_array_equal(np.argsort(changed, axis=-1), np.argsort(images, axis=-1))
    shift = changed.mean(axis=(1, 2, 3)) - images.mean(axis=(1, 2, 3))
    assert np.abs(shift).max() <= 1 / 6 + 1e-5 and shift.std() > 0.05


def test_colour_scales_saturation_and_contrast_within_bounds(images):
    changed = colour(images, SEED).numpy()
    grey, grey_after = images.mean(-1), changed.mean(-1)
    contrast = grey_after.std(axis=(1, 2)) / grey.std(axis=(1, 2))
    assert contrast.min() >= 5 / 6 - 1e-4 and contrast.max() <= 7 / 6 + 1e-4
    assert contrast.std() > 0.03
    apart = np.std(images - grey[..., None], axis=(1, 2, 3))
    saturation = np.std(changed - grey_after[..., None], axis=(1, 2, 3)) / apart / contrast
    assert saturation.min() >= 2 / 3 - 1e-4 and saturation.max() <= 4 / 3 + 1e-4
    assert saturation.std() > 0.08


@pytest.mark.parametrize("name", ALL)
def test_the_gradient_flows_back_to_the_pixels(images, name):
    values = tf.Variable(images)
    with tf.GradientTape() as tape:
        changed = POLICIES[name](values, SEED)
    direction = tf.constant(np.random.default_rng(1).normal(size=images.shape), tf.float32)
    found = tape.gradient(changed, values, output_gradients=direction)
    # Every policy is affine in the pixels: <d, Jv> = <J'd, v>.
    zero = POLICIES[name](tf.zeros_like(values), SEED)
    forward = tf.reduce_sum(direction * (changed - zero))
    np.testing.assert_allclose(tf.reduce_sum(found * values), forward, rtol=1e-3, atol=0.05)
    assert np.abs(found).max(axis=(1, 2, 3)).min() > 0


@pytest.mark.parametrize("name", ALL)
def test_bfloat16_stays_bfloat16(images, name):
    half = POLICIES[name](tf.cast(images, tf.bfloat16), SEED)
    assert half.dtype == tf.bfloat16
    np.testing.assert_allclose(
        tf.cast(half, tf.float32), POLICIES[name](images, SEED), rtol=0.02, atol=0.02
    )


def test_policies_are_applied_in_order_each_with_its_own_seed(images):
    assert augment(images, (), SEED) is images
    both = augment(images, ("translation", "translation"), SEED).numpy()
    once = augment(images, ("translation",), SEED).numpy()
    assert (both != once).any()
    np.testing.assert_array_equal(augment(once, (), SEED), once)
    grey_first = augment(images, ("cutout", "colour"), SEED).numpy()
    colour_first = augment(images, ("colour", "cutout"), SEED).numpy()
    assert (colour_first == 0).all(axis=-1).any(axis=(1, 2)).all()
    assert not (grey_first == 0).all(axis=-1).any()
