"""The noise inferred from a picture."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import Experiment, GeneratorSettings
from trainer.models.build import build_posterior
from trainer.models.posterior import draw

PLACES, CHANNELS, CONDITION, NOISE = 16, 6, 5, 3


def inputs():
    draw = np.random.default_rng(0).normal
    shapes = (4, PLACES, CHANNELS), (4, CONDITION)
    return tuple(draw(size=shape).astype(np.float32) for shape in shapes)


@pytest.fixture(scope="module")
def case(harness):
    experiment = Experiment(generator=GeneratorSettings(noise=NOISE))
    return harness.Case(
        build=lambda policy: build_posterior(
            experiment, (PLACES, CHANNELS), CONDITION, NOISE, policy
        ),
        inputs=inputs(),
        dtypes=("float32", "float32"),
    )


@pytest.mark.parametrize(
    "check", ["graph", "mixed_precision", "gradients", "weights_file", "float32_island"]
)
def test_contract(harness, case, check, tmp_path):
    harness.check(check, case, tmp_path)


def test_outputs_are_shaped_and_bounded(case):
    grid, text = inputs()
    mean, log_variance = case.model()((grid * 1000, text))
    assert mean.shape == log_variance.shape == (4, NOISE)
    assert np.min(log_variance) == -8.0 and np.max(log_variance) == 4.0


def test_the_caption_is_read(case):
    grid, text = inputs()
    one, other = case.model()((grid, text)), case.model()((grid, text + 1))
    assert not np.allclose(one[0], other[0])


def test_samples_have_the_mean_and_deviation_asked_for():
    mean = tf.constant([[3.0, -1.0]] * 20000)
    log_variance = tf.math.log(tf.constant([[0.25, 4.0]] * 20000))
    sample = draw(mean, log_variance, tf.constant([1, 2])).numpy()
    np.testing.assert_allclose(sample.mean(axis=0), [3.0, -1.0], atol=0.05)
    np.testing.assert_allclose(sample.std(axis=0), [0.5, 2.0], rtol=0.05)
    np.testing.assert_array_equal(sample, draw(mean, log_variance, tf.constant([1, 2])))
