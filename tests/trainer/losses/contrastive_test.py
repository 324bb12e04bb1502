"""Agreement losses against a version in NumPy loops, and their gradients by differences."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.losses.contrastive import binary_cross_entropy, info_nce


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def unit(values):
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def softmax_loss(scores, own):
    """-log of the share that `own` has among exp(scores)."""
    return np.log(sum(np.exp(score) for score in scores)) - own


def expected_info_nce(image, text, scale, same):
    count, losses = len(image), []
    for i in range(count):
        own = scale * float(image[i] @ text[i])
        kept = [j for j in range(count) if j == i or not same[i, j]]
        by_image = softmax_loss([scale * float(image[i] @ text[j]) for j in kept], own)
        kept = [j for j in range(count) if j == i or not same[j, i]]
        by_text = softmax_loss([scale * float(image[j] @ text[i]) for j in kept], own)
        losses.append((by_image + by_text) / 2)
    return losses


def test_info_nce_equals_the_loops(rng):
    image, text = unit(rng.normal(size=(5, 3))), unit(rng.normal(size=(5, 3)))
    none = np.zeros((5, 5), bool)
    for scale in (1.0, 14.3):
        expected = expected_info_nce(image, text, scale, none)
        np.testing.assert_allclose(info_nce(image, text, scale), expected, rtol=1e-6)
        np.testing.assert_allclose(info_nce(image, text, scale, none), expected, rtol=1e-6)


def test_captions_that_say_the_same_are_no_negatives(rng):
    image, text = unit(rng.normal(size=(6, 4))), unit(rng.normal(size=(6, 4)))
    same = rng.random((6, 6)) < 0.3
    np.fill_diagonal(same, [True, False] * 3)
    expected = expected_info_nce(image, text, 7.0, same)
    np.testing.assert_allclose(info_nce(image, text, 7.0, same), expected, rtol=1e-6)
    everything = np.ones((6, 6), bool)
    np.testing.assert_allclose(info_nce(image, text, 7.0, everything), 0.0, atol=1e-6)


def test_perfect_agreement_and_none_by_hand():
    eye = np.eye(4, dtype=np.float32)
    np.testing.assert_allclose(info_nce(eye, eye, 100.0), 0.0, atol=1e-6)
    alike = np.repeat(eye[:1], 4, axis=0)
    np.testing.assert_allclose(info_nce(alike, alike, 9.0), np.log(4), rtol=1e-6)


def test_info_nce_gradient_equals_differences(rng, difference):
    image, text = unit(rng.normal(size=(4, 3))), unit(rng.normal(size=(4, 3)))
    same = np.zeros((4, 4), bool)
    same[0, 2] = True
    values = tf.Variable(image)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(info_nce(values, tf.constant(text), 3.0, same))
    by_hand = difference(lambda x: np.sum(expected_info_nce(x, text, 3.0, same)), image)
    np.testing.assert_allclose(tape.gradient(loss, values), by_hand, atol=1e-6)


def test_binary_cross_entropy_equals_the_formula(rng):
    logits = rng.normal(scale=3, size=(4, 6))
    labels = (rng.random((4, 6)) < 0.5).astype(float)
    p = 1 / (1 + np.exp(-logits))
    expected = -(labels * np.log(p) + (1 - labels) * np.log(1 - p))
    np.testing.assert_allclose(binary_cross_entropy(logits, labels), expected, rtol=1e-6)


def test_binary_cross_entropy_of_huge_logits_is_finite():
    logits = np.array([-1e4, -1e4, 1e4, 1e4], np.float32)
    labels = np.array([0, 1, 0, 1], np.float32)
    np.testing.assert_allclose(binary_cross_entropy(logits, labels), [0, 1e4, 1e4, 0])


def test_binary_cross_entropy_learns_from_an_undecided_logit():
    logits, labels = tf.zeros([2]), tf.constant([0.0, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(binary_cross_entropy(logits, labels))
    np.testing.assert_allclose(tape.gradient(loss, logits), [0.5, -0.5])


def test_binary_cross_entropy_gradient_equals_differences(rng, difference):
    logits = rng.normal(size=(3, 4))
    labels = (rng.random((3, 4)) < 0.5).astype(float)
    values = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(binary_cross_entropy(values, tf.constant(labels)))

    def by_formula(x):
        return np.sum(np.log1p(np.exp(x)) - labels * x)

    np.testing.assert_allclose(
        tape.gradient(loss, values), difference(by_formula, logits), atol=1e-6
    )
