"""One weight from another: by word, by label, by place, never cut."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.transfer.weights import (
    ALIKE,
    AVERAGE,
    FRESH,
    SILENT,
    Axis,
    Language,
    merged,
    resized_patches,
)

SEED = (0, 4, 0)


def numbers(*shape, first=0.0):
    return (first + np.arange(np.prod(shape))).reshape(shape).astype(np.float32)


def test_weights_without_keys_are_taken_whole_or_not_at_all():
    old, new = numbers(2, 3, first=10), numbers(2, 3)
    found = merged(old, (None, None), new, (None, None), SEED)
    assert found.kept == 6
    np.testing.assert_array_equal(found.value, old)
    for shape in ((2, 4), (3, 3), (2, 2), (6,)):
        none = (None,) * len(shape)
        assert merged(old, (None, None), numbers(*shape), none, SEED) is None


def test_rows_follow_their_words_to_the_bit():
    old = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    before, now = Axis(("a", "b", "c"), ALIKE), Axis(("c", "new", "a"), ALIKE)
    found = merged(old, (before, None), np.zeros((3, 4), np.float32), (now, None), SEED)
    np.testing.assert_array_equal(found.value[[0, 2]], old[[2, 0]])
    assert found.kept == 8


def test_new_rows_are_drawn_like_the_known_ones():
    old = np.random.default_rng(0).normal(3.0, 2.0, (500, 4)).astype(np.float32)
    words = tuple(range(500))
    before, now = Axis(words, ALIKE), Axis(tuple(range(1000)), ALIKE)
    found = merged(old, (before, None), np.zeros((1000, 4), np.float32), (now, None), SEED)
    fresh = found.value[500:]
    assert fresh.mean() == pytest.approx(3.0, abs=0.2)
    assert fresh.std() == pytest.approx(2.0, abs=0.2)
    near = merged(
        old,
        (before, None),
        np.zeros((1000, 4), np.float32),
        (now._replace(fill=AVERAGE), None),
        SEED,
    )
    assert near.value[500:].std(axis=0) == pytest.approx([0.2] * 4, abs=0.04)
    again = merged(old, (before, None), np.zeros((1000, 4), np.float32), (now, None), SEED)
    np.testing.assert_array_equal(found.value, again.value)


@pytest.mark.parametrize(("fill", "value"), [(FRESH, 7.0), (SILENT, 0.0)])
def test_new_labels_stay_fresh_or_silent(fill, value):
    old, new = numbers(4, 2), np.full((5, 2), 7.0, np.float32)
    before, now = Axis(("x", "y"), fill), Axis(("y", "z", "x"), fill)
    found = merged(old, (before, None), new, (now, None), SEED)
    np.testing.assert_array_equal(found.value[[0, 1, 2, 4]], old[[0, 1, 3, 2]])
    np.testing.assert_array_equal(found.value[3], [value, value])


def test_what_goes_by_its_place_must_be_as_much_on_both_sides():
    old, new = numbers(4, 2), numbers(6, 2)
    before, now = Axis(("x", "y"), SILENT), Axis(("y", "z", "x"), SILENT)
    assert merged(old, (before, None), new, (now, None), SEED) is None


def test_nothing_in_common_is_nothing_taken():
    before, now = Axis(("x",), FRESH), Axis(("y",), FRESH)
    assert merged(numbers(1, 2), (before, None), numbers(1, 2), (now, None), SEED) is None


def test_captions_in_a_new_language_begin_as_those_in_the_known_one():
    old = numbers(3, 2, first=1)
    before = Axis(("a", Language("en"), "b"), ALIKE)
    now = Axis(("a", "[START]", "b", Language("zh"), Language("en")), ALIKE)
    found = merged(old, (before, None), np.zeros((5, 2), np.float32), (now, None), SEED)
    np.testing.assert_array_equal(found.value[[3, 4]], old[[1, 1]])


@pytest.mark.parametrize(("before", "now"), [(1, 2), (2, 4), (4, 2), (2, 1), (2, 2)])
def test_a_convolution_over_blocks_of_pixels_sees_the_same_at_another_resolution(before, now):
    draws = np.random.default_rng(1)
    kernel = draws.standard_normal((3, 3, before * before * 3, 5)).astype(np.float32)
    fitted = resized_patches(kernel, before, now)
    side = 4 * min(before, now)
    small = draws.standard_normal((2, side, side, 3)).astype(np.float32)
    factor = max(before, now) // min(before, now)
    large = small.repeat(factor, axis=1).repeat(factor, axis=2)

    def seen(pictures, weights, patch):
        blocks = tf.nn.space_to_depth(pictures, patch) if patch > 1 else pictures
        return tf.nn.conv2d(blocks, weights, 1, "SAME").numpy()

    pictures = (small, large) if before < now else (large, small)
    np.testing.assert_allclose(
        seen(pictures[0], kernel, before), seen(pictures[1], fitted, now), rtol=1e-4, atol=1e-4
    )


def test_blocks_that_do_not_fit_each_other_are_left():
    assert resized_patches(numbers(1, 1, 27, 2), 3, 2) is None
