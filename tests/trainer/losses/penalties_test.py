"""Gradient penalties of critics whose gradients are known in closed form."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from trainer.config import GRADIENT_PENALTIES
from trainer.losses.adversarial import ADVERSARIAL
from trainer.losses.penalties import (
    INTERVALS,
    PENALTIES,
    interpolates,
    penalty_term,
    penalty_weight,
    wgan_gp,
)

NAMES = sorted(PENALTIES)
COUNT, SHAPE, PIXELS, WORDS = 5, (2, 2, 3), 12, 4
SEED = tf.constant([3, 4])


class World(NamedTuple):
    real: np.ndarray
    fake: np.ndarray
    text: np.ndarray


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def world(rng):
    real, fake = rng.normal(scale=0.5, size=(2, COUNT, *SHAPE))
    return World(real, fake, rng.normal(scale=0.5, size=(COUNT, WORDS)))


def penalties_of(name, critic, world):
    return PENALTIES[name](critic, *(tf.constant(part) for part in world), SEED)


def expected(name, gradient, world):
    """The penalty's definition, from `gradient`: (x [N, 12], t [N, d]) -> by x, by t."""

    def norm(images):
        by_image, _ = gradient(images.reshape(COUNT, PIXELS), world.text)
        return np.linalg.norm(by_image, axis=1)

    if name == "wgan_gp":
        between = interpolates(world.real, world.fake, SEED).numpy()
        return (norm(between) - 1) ** 2
    if name == "matching_aware":
        both = np.concatenate(gradient(world.real.reshape(COUNT, PIXELS), world.text), axis=1)
        return np.linalg.norm(both, axis=1) ** 6
    places = {"r1": ["real"], "r2": ["fake"], "r1_r2": ["real", "fake"]}[name]
    return sum(norm(getattr(world, place)) ** 2 / 2 for place in places)


@pytest.mark.parametrize("name", NAMES)
def test_of_a_quadratic_critic(rng, world, name):
    """x'Ax / 2 + x'Bt + |t|^2 / 2: gradients (A + A')x / 2 + Bt by x and B'x + t by t."""
    form, mixed = rng.normal(size=(PIXELS, PIXELS)), rng.normal(size=(PIXELS, WORDS))

    def critic(images, text):
        x = tf.reshape(images, [-1, PIXELS])
        quadratic = tf.reduce_sum(x * (x @ tf.transpose(form)), axis=1) / 2
        bilinear = tf.reduce_sum(x * (text @ tf.transpose(mixed)), axis=1)
        return quadratic + bilinear + tf.reduce_sum(text**2, axis=1) / 2

    def gradient(x, t):
        return x @ (form + form.T) / 2 + t @ mixed.T, x @ mixed + t

    found = penalties_of(name, critic, world)
    assert found.shape == (COUNT,)
    np.testing.assert_allclose(found, expected(name, gradient, world), rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "value", "slope"),
    [
        ("r1", 4.5, 3.0),
        ("r2", 4.5, 3.0),
        ("r1_r2", 9.0, 6.0),
        ("wgan_gp", 4.0, 4.0),
        ("matching_aware", 1000.0, 1800.0),
    ],
)
def test_of_a_linear_critic_by_hand(world, name, value, slope):
    """w'x + t_0 with |w| = 3: |w|^2 / 2, (|w| - 1)^2, (|w|^2 + 1)^3 and their slopes by |w|."""
    direction = tf.one_hot(5, PIXELS, dtype=tf.float64)
    length = tf.Variable(3.0, dtype=tf.float64)

    def critic(images, text):
        x = tf.reshape(images, [-1, PIXELS])
        return length * tf.linalg.matvec(x, direction) + text[:, 0]

    with tf.GradientTape() as tape:
        values = penalties_of(name, critic, world)
        mean = tf.reduce_mean(values)
    np.testing.assert_allclose(values, [value] * COUNT, rtol=1e-9)
    np.testing.assert_allclose(tape.gradient(mean, length), slope, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_by_the_weights_of_a_network_equal_differences(rng, world, difference, name):
    """v'tanh(Wx + Ut + b): gradients W'(v (1 - tanh^2)) by x and the same with U' by t."""
    shapes = {"w": (3, PIXELS), "u": (3, WORDS), "b": (3,), "v": (3,)}
    start = {key: rng.normal(size=shape) for key, shape in shapes.items()}
    weights = {key: tf.Variable(value) for key, value in start.items()}

    def critic(images, text):
        x = tf.reshape(images, [-1, PIXELS])
        hidden = x @ tf.transpose(weights["w"]) + text @ tf.transpose(weights["u"]) + weights["b"]
        return tf.linalg.matvec(tf.tanh(hidden), weights["v"])

    def total(key, value):
        at = start | {key: value}

        def gradient(x, t):
            back = at["v"] * (1 - np.tanh(x @ at["w"].T + t @ at["u"].T + at["b"]) ** 2)
            return back @ at["w"], back @ at["u"]

        return expected(name, gradient, world).sum()

    with tf.GradientTape() as tape:
        values = penalties_of(name, critic, world)
    np.testing.assert_allclose(tf.reduce_sum(values), total("w", start["w"]), rtol=1e-9)
    for key, found in tape.gradient(values, weights).items():
        by_hand = difference(lambda value, key=key: total(key, value), start[key])
        np.testing.assert_allclose(found, by_hand, rtol=1e-5, atol=1e-5, err_msg=key)


def test_a_flat_critic_has_a_finite_gradient():
    weight = tf.Variable(0.0)
    images, text = tf.ones([2, *SHAPE]), tf.ones([2, WORDS])
    with tf.GradientTape() as tape:
        values = wgan_gp(
            lambda x, t: weight * tf.reduce_sum(x, [1, 2, 3]), images, -images, text, SEED
        )
    np.testing.assert_allclose(values, 1.0, rtol=1e-5)
    assert np.isfinite(tape.gradient(values, weight))


def test_interpolates_lie_evenly_between_each_fake_picture_and_its_real_one(rng):
    real, fake = rng.normal(size=(2, 400, *SHAPE))
    found = interpolates(real, fake, SEED).numpy()
    shares = ((found - fake) / (real - fake)).reshape(400, PIXELS)
    np.testing.assert_allclose(shares, np.repeat(shares[:, :1], PIXELS, axis=1), atol=1e-6)
    assert shares.min() >= 0 and shares.max() <= 1
    assert stats.kstest(shares[:, 0], "uniform").pvalue > 0.01


def test_interpolates_are_drawn_from_the_seed_alone(world):
    first, again = (interpolates(world.real, world.fake, SEED) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, interpolates(world.real, world.fake, [3, 5]))


def test_weights_are_the_published_ones():
    for name in ("r1", "r2", "r1_r2"):
        assert penalty_weight(name, 64, 32) == pytest.approx(0.0002 * 64 * 64 / 32)
        assert penalty_weight(name, 32, 32) == pytest.approx(penalty_weight(name, 64, 32) / 4)
    assert {penalty_weight("wgan_gp", side, 8) for side in (16, 64)} == {10.0}
    assert {penalty_weight("matching_aware", side, 8) for side in (16, 64)} == {2.0}


@pytest.mark.parametrize("name", NAMES)
def test_a_term_has_what_is_asked_for_and_else_the_penaltys_own(name):
    size = {"resolution": 32, "batch_size": 8}
    own = penalty_term(name, **size)
    assert own == (PENALTIES[name], penalty_weight(name, 32, 8), 1 if name == "wgan_gp" else 16)
    assert penalty_term(name, **size, weight=0.0, every=3) == (PENALTIES[name], 0.0, 3)


def test_none_is_no_term():
    assert penalty_term("none", resolution=32, batch_size=8, weight=1.0, every=3) is None


def test_every_table_knows_every_penalty():
    assert set(GRADIENT_PENALTIES) == set(PENALTIES) == set(INTERVALS)
    assert {loss.penalty for loss in ADVERSARIAL.values()} <= {*PENALTIES, "none"}
