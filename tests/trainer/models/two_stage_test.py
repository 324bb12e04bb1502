"""Sketch and correction."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import GeneratorSettings
from trainer.engine.precision import policy_scope
from trainer.models.two_stage import TwoStageGenerator

NOISE, CONDITION = 3, 5


def make(resolution, condition=CONDITION, sketch=None, policy="float32"):
    settings = GeneratorSettings(
        architecture="two_stage", noise=NOISE, width=2, sketch_resolution=sketch
    )
    with policy_scope(policy):
        model = TwoStageGenerator(settings, resolution, condition)
        model(codes(model, condition))
    return model


def codes(model, condition=CONDITION, scale=1.0):
    rng = np.random.default_rng(0)
    noise = scale * rng.normal(size=(4, model.noise_width))
    return noise.astype(np.float32), rng.normal(size=(4, condition)).astype(np.float32)


@pytest.mark.parametrize(
    ("resolution", "sketch", "side"), [(16, None, 8), (28, None, 14), (32, 8, 8), (32, 16, 16)]
)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_before_stage_two_has_learned_a_picture_is_its_sketch(resolution, sketch, side, policy):
    model = make(resolution, sketch=sketch, policy=policy)
    noise, text = codes(model, scale=100.0)
    small = model.first((noise, text))
    assert small.shape == (4, side, side, 3) and np.abs(small).max() > 0.9
    large = tf.image.resize(small, [resolution, resolution])
    # But for a quarter of one of 256 levels at the ends.
    shown = np.clip(large, -0.998, 0.998)
    np.testing.assert_allclose(model((noise, text)), shown, atol=1e-4)


def test_a_correction_goes_beyond_the_sketch_and_reads_noise_and_text():
    model = make(16)
    noise, text = codes(model)
    sketch = model.first((noise, text))
    kernel = np.random.default_rng(1).normal(size=model.second.correct.kernel.shape)
    model.second.correct.kernel.assign(kernel)
    picture = model.second((sketch, noise, text)).numpy()
    assert np.abs(picture - tf.image.resize(sketch, [16, 16])).max() > 0.1
    np.testing.assert_array_equal(picture, model((noise, text)))
    for other in ((sketch[::-1], noise, text), (sketch, noise, text[::-1])):
        assert np.abs(model.second(other) - picture).max() > 1e-2
    # Of the noise, the code's part is read, the sketch's own is not.
    own, drawn = noise.copy(), noise.copy()
    own[:, :NOISE], drawn[:, NOISE:] = 0.0, 0.0
    np.testing.assert_array_equal(model.second((sketch, own, text)), picture)
    assert np.abs(model.second((sketch, drawn, text)) - picture).max() > 1e-2


def test_a_stage_can_learn_while_the_other_stays():
    model = make(16)
    noise, text = codes(model)
    with tf.GradientTape() as tape:
        sketch = model.first((noise, text))
        loss = tf.reduce_sum(model.second((tf.stop_gradient(sketch), noise, text), training=True))
    stages = [model.first.trainable_variables, model.second.trainable_variables]
    first, second = tape.gradient(loss, stages)
    assert len(first) + len(second) == len(model.trainable_variables)
    assert all(gradient is None for gradient in first)
    assert any(gradient is not None and np.any(gradient) for gradient in second)


def test_the_divergence_is_that_of_both_stages():
    model = make(16)
    _, text = codes(model)
    expected = np.zeros(4)
    for stage in (model.first, model.second):
        mean, log_variance = (np.asarray(moment) for moment in stage.augment.moments(text))
        terms = np.exp(log_variance) + mean**2 - 1 - log_variance
        expected += 0.5 * terms.sum(axis=1)
    divergence = model.divergence(text)
    assert divergence.dtype == tf.float32 and expected.min() > 0.1
    np.testing.assert_allclose(divergence, expected, rtol=1e-5)


def test_without_captions_there_is_no_code_and_no_divergence():
    model = make(16, condition=0)
    assert model.noise_width == NOISE
    assert make(16).noise_width == NOISE + 2 * NOISE
    np.testing.assert_array_equal(model.divergence(np.zeros((4, 0), np.float32)), np.zeros(4))
