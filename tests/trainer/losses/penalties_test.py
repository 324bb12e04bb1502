"""Gradient penalties of critics whose gradients are known."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.losses.penalties import PENALTIES, matching_aware, r1

SHAPE = (2, 2, 3)


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    form = rng.normal(size=(12, 12))
    mixed = rng.normal(size=(12, 4))
    images = rng.normal(scale=0.2, size=(5, *SHAPE))
    text = rng.normal(scale=0.2, size=(5, 4))
    return form, mixed, images, text


def critic_of(form, mixed):
    """x'Ax / 2 + x'Bt + |t|^2 / 2: gradients (A + A')x / 2 + Bt by x and B'x + t by t."""

    def critic(images, text):
        x = tf.reshape(images, [-1, 12])
        quadratic = tf.reduce_sum(x * (x @ tf.transpose(form)), axis=1) / 2
        bilinear = tf.reduce_sum(x * (text @ tf.transpose(mixed)), axis=1)
        return quadratic + bilinear + tf.reduce_sum(text**2, axis=1) / 2

    return critic


def squared_gradients(form, mixed, images, text):
    x = images.reshape(5, 12)
    by_image = x @ (form + form.T) / 2 + text @ mixed.T
    by_text = x @ mixed + text
    return (by_image**2).sum(1), (by_text**2).sum(1)


def test_r1_of_a_quadratic_critic(world):
    form, mixed, images, text = world
    by_image, _ = squared_gradients(*world)
    found = r1(critic_of(form, mixed), tf.constant(images), tf.constant(text))
    np.testing.assert_allclose(found, by_image / 2, rtol=1e-10)


def test_matching_aware_of_a_quadratic_critic(world):
    form, mixed, images, text = world
    by_image, by_text = squared_gradients(*world)
    found = matching_aware(critic_of(form, mixed), tf.constant(images), tf.constant(text))
    np.testing.assert_allclose(found, (by_image + by_text) ** 3, rtol=1e-10)


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_the_critics_weights_get_a_gradient(world, name):
    """Of w * f the gradient norm is |w| |f'|, so its derivative at w = 1 is the penalty's power."""
    form, mixed, images, text = world
    critic, weight = critic_of(form, mixed), tf.Variable(1.0, dtype=tf.float64)
    with tf.GradientTape() as tape:
        values = PENALTIES[name](
            lambda x, t: weight * critic(x, t), tf.constant(images), tf.constant(text)
        )
        loss = tf.reduce_sum(values)
    power = {"r1": 2, "matching_aware": 6}[name]
    np.testing.assert_allclose(tape.gradient(loss, weight), power * loss, rtol=1e-10)
