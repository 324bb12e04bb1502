"""The noise inferred from a picture."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import Experiment, GeneratorSettings
from trainer.models.build import build_posterior
from trainer.models.posterior import draw

PLACES, CHANNELS, NOISE = 16, 6, 3


def grid():
    return np.random.default_rng(0).normal(size=(4, PLACES, CHANNELS)).astype(np.float32)


@pytest.fixture(scope="module")
def case(harness):
    experiment = Experiment(generator=GeneratorSettings(noise=NOISE))
    return harness.Case(
        build=lambda policy: build_posterior(experiment, (PLACES, CHANNELS), NOISE, policy),
        inputs=grid(),
        dtypes=("float32", "float32"),
    )


@pytest.mark.parametrize(
    "check", ["graph", "mixed_precision", "gradients", "weights_file", "float32_island"]
)
def test_contract(harness, case, check, tmp_path):
    harness.check(check, case, tmp_path)


def test_outputs_are_shaped_and_bounded(case):
    mean, log_variance = case.model()(grid() * 1000)
    assert mean.shape == log_variance.shape == (4, NOISE)
    assert np.min(log_variance) == -8.0 and np.max(log_variance) == 4.0


def test_samples_have_the_mean_and_deviation_asked_for():
    mean = tf.constant([[3.0, -1.0]] * 20000)
    log_variance = tf.math.log(tf.constant([[0.25, 4.0]] * 20000))
    sample = draw(mean, log_variance, tf.constant([1, 2])).numpy()
    np.testing.assert_allclose(sample.mean(axis=0), [3.0, -1.0], atol=0.05)
    np.testing.assert_allclose(sample.std(axis=0), [0.5, 2.0], rtol=0.05)
    np.testing.assert_array_equal(sample, draw(mean, log_variance, tf.constant([1, 2])))
