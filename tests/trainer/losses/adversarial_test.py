"""Adversarial losses against hand-computed values, probabilities in NumPy, and differences."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import ADVERSARIAL_LOSSES
from trainer.losses.adversarial import ADVERSARIAL
from trainer.losses.penalties import PENALTIES

NAMES = sorted(ADVERSARIAL)
LN = np.log
AT_ODDS = ([0.0, LN(3)], [0.0, -LN(3)])
AT_NUMBERS = ([0.0, 2.0, -3.0], [0.0, -1.0, 4.0])


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(scale=3, size=(2, 50))


def p(logits):
    return 1 / (1 + np.exp(-logits))


def probability_of_the_first(one, other):
    """Of two with these log strengths (Bradley and Terry 1952)."""
    return np.exp(one) / (np.exp(one) + np.exp(other))


# The same losses in another form: (discriminator, generator) of (real, fake).
BY_FORMULA = {
    "minimax": (lambda r, f: -LN(p(r)) - LN(1 - p(f)), lambda r, f: LN(1 - p(f))),
    "non_saturating": (lambda r, f: -LN(p(r) * (1 - p(f))), lambda r, f: -LN(p(f))),
    "least_squares": (
        lambda r, f: (r * r - 2 * r + 1 + f * f) / 2,
        lambda r, f: f * f / 2 - f + 1 / 2,
    ),
    "wasserstein": (lambda r, f: -(r - f), lambda r, f: -f),
    "wgan_gp": (lambda r, f: -(r - f), lambda r, f: -f),
    "hinge": (
        lambda r, f: np.where(r < 1, 1 - r, 0) + np.where(f > -1, 1 + f, 0),
        lambda r, f: -f,
    ),
    "relativistic": (
        lambda r, f: -LN(probability_of_the_first(r, f)),
        lambda r, f: -LN(probability_of_the_first(f, r)),
    ),
}


@pytest.mark.parametrize(
    ("name", "logits", "discriminator", "generator"),
    [
        ("minimax", AT_ODDS, [2 * LN(2), 2 * LN(4 / 3)], [-LN(2), -LN(4 / 3)]),
        ("non_saturating", AT_ODDS, [2 * LN(2), 2 * LN(4 / 3)], [LN(2), LN(4)]),
        ("relativistic", AT_ODDS, [LN(2), LN(10 / 9)], [LN(2), LN(10)]),
        ("least_squares", AT_NUMBERS, [0.5, 1.0, 16.0], [0.5, 2.0, 4.5]),
        ("wasserstein", AT_NUMBERS, [0.0, -3.0, 7.0], [0.0, 1.0, -4.0]),
        ("wgan_gp", AT_NUMBERS, [0.0, -3.0, 7.0], [0.0, 1.0, -4.0]),
        ("hinge", AT_NUMBERS, [2.0, 0.0, 9.0], [0.0, 1.0, -4.0]),
    ],
)
def test_values_by_hand(name, logits, discriminator, generator):
    real, fake = (np.array(side, np.float32) for side in logits)
    loss = ADVERSARIAL[name]
    np.testing.assert_allclose(loss.discriminator(real, fake), discriminator, rtol=1e-6)
    np.testing.assert_allclose(loss.generator(real, fake), generator, rtol=1e-6)


@pytest.mark.parametrize("side", ["discriminator", "generator"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("convert", [np.array, tf.constant])
def test_values_equal_the_formula_in_the_dtype_of_the_logits(
    logits, side, name, dtype, rtol, convert
):
    real, fake = logits.astype(dtype)
    found = getattr(ADVERSARIAL[name], side)(convert(real), convert(fake))
    formula = BY_FORMULA[name][side == "generator"]
    expected = formula(real.astype(np.float64), fake.astype(np.float64))
    assert found.dtype == dtype and found.shape == (50,)
    np.testing.assert_allclose(found, expected, rtol=rtol)


@pytest.mark.parametrize("side", ["discriminator", "generator"])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_equal_differences(logits, side, name):
    formula, step = BY_FORMULA[name][side == "generator"], 1e-6
    real, fake = (tf.Variable(values) for values in logits)
    with tf.GradientTape() as tape:
        values = getattr(ADVERSARIAL[name], side)(real, fake)
    by_real, by_fake = tape.gradient(values, [real, fake], unconnected_gradients="zero")
    r, f = logits
    expected = (formula(r + step, f) - formula(r - step, f)) / (2 * step)
    np.testing.assert_allclose(by_real, expected + 0 * r, atol=1e-7)
    expected = (formula(r, f + step) - formula(r, f - step)) / (2 * step)
    np.testing.assert_allclose(by_fake, expected, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_huge_logits_have_finite_losses_and_gradients(name):
    real = tf.Variable([-1e4, -1e4, 1e4, 1e4])
    fake = tf.Variable([-1e4, 1e4, -1e4, 1e4])
    for side in ADVERSARIAL[name][:2]:
        with tf.GradientTape() as tape:
            values = side(real, fake)
        gradients = tape.gradient(values, [real, fake], unconnected_gradients="zero")
        assert np.isfinite(values).all() and np.isfinite(gradients).all()


def test_logarithms_are_linear_where_the_discriminator_is_wrong():
    """A sigmoid in float32 rounds to 0 or 1 here, and its logarithm is lost."""
    wrong = np.float32([-1e4]), np.float32([1e4])
    assert ADVERSARIAL["minimax"].discriminator(*wrong) == 2e4
    assert ADVERSARIAL["minimax"].generator(*wrong) == -1e4
    assert ADVERSARIAL["non_saturating"].generator(*wrong[::-1]) == 1e4
    assert ADVERSARIAL["relativistic"].discriminator(*wrong) == 2e4


@pytest.mark.parametrize("name", NAMES)
def test_only_paired_losses_of_the_generator_read_the_real_logits(logits, name):
    loss, (real, fake) = ADVERSARIAL[name], logits
    if loss.paired:
        assert not np.allclose(loss.generator(real, fake), loss.generator(real + 1, fake))
    else:
        np.testing.assert_array_equal(loss.generator(real, fake), loss.generator(None, fake))


@pytest.mark.parametrize(
    ("one", "other"), [("minimax", "non_saturating"), ("wasserstein", "wgan_gp")]
)
def test_two_losses_share_a_discriminator(logits, one, other):
    np.testing.assert_array_equal(
        ADVERSARIAL[one].discriminator(*logits), ADVERSARIAL[other].discriminator(*logits)
    )


@pytest.mark.parametrize("name", ["minimax", "wasserstein"])
def test_what_the_generator_wins_the_discriminator_loses(logits, name):
    """Their sum does not depend on the generated pictures."""
    loss, (real, fake) = ADVERSARIAL[name], logits
    sums = [loss.discriminator(real, f) + loss.generator(real, f) for f in (fake, fake[::-1])]
    np.testing.assert_allclose(*sums, rtol=1e-12)


def test_the_relativistic_sides_are_one_function_of_the_difference(logits):
    loss, (real, fake) = ADVERSARIAL["relativistic"], logits
    np.testing.assert_array_equal(loss.generator(real, fake), loss.discriminator(fake, real))
    np.testing.assert_allclose(
        loss.discriminator(real + 5, fake + 5), loss.discriminator(real, fake), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("name", "penalty", "discriminator_steps", "clip"),
    [
        ("minimax", "r1", 1, None),
        ("non_saturating", "r1", 1, None),
        ("least_squares", "r1", 1, None),
        ("wasserstein", "none", 5, 0.01),
        ("wgan_gp", "wgan_gp", 5, None),
        ("hinge", "r1", 1, None),
        ("relativistic", "r1_r2", 1, None),
    ],
)
def test_each_is_played_as_its_source_plays_it(name, penalty, discriminator_steps, clip):
    assert ADVERSARIAL[name][3:] == (penalty, discriminator_steps, clip)
    assert penalty in {*PENALTIES, "none"}


def test_the_settings_know_every_loss():
    assert set(ADVERSARIAL_LOSSES) == set(ADVERSARIAL) == set(BY_FORMULA)
