"""The one-stage generator and its discriminator."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import DataSettings, Experiment, GeneratorSettings
from trainer.models.build import build_discriminator, build_generator

NOISE, CONDITION = 4, 6
CHECKS = ["graph", "mixed_precision", "gradients", "weights_file", "float32_island"]


def tiny(resolution):
    return Experiment(
        data=DataSettings(resolution=resolution),
        generator=GeneratorSettings(noise=NOISE, width=4, discriminator_width=4),
    )


def codes(count=4):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(count, NOISE)).astype(np.float32)
    return noise, rng.normal(size=(count, CONDITION)).astype(np.float32)


def pictures(resolution, count=4):
    shape = (count, resolution, resolution, 3)
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


@pytest.fixture(scope="module", params=[16, 32, 64])
def generator(request, harness):
    return harness.Case(
        build=lambda policy: build_generator(tiny(request.param), CONDITION, policy),
        inputs=codes(),
        dtypes=("float32",),
        # Four channels at a mean square of 1: rounding shows more than in a grown model.
        tolerance=0.15,
    )


@pytest.fixture(scope="module", params=[16, 32, 64])
def discriminator(request, harness):
    return harness.Case(
        build=lambda policy: build_discriminator(tiny(request.param), CONDITION, policy),
        inputs=(pictures(request.param), codes()[1]),
        dtypes=("float32",),
    )


@pytest.mark.parametrize("check", CHECKS)
def test_generator_contract(harness, generator, check, tmp_path):
    harness.check(check, generator, tmp_path)


@pytest.mark.parametrize("check", CHECKS)
def test_discriminator_contract(harness, discriminator, check, tmp_path):
    harness.check(check, discriminator, tmp_path)


def test_pictures_have_the_resolution_and_range_asked_for(generator):
    model = generator.model()
    noise, text = codes()
    images = model((noise * 50, text)).numpy()
    side = images.shape[1]
    assert images.shape == (4, side, side, 3) and side in (16, 32, 64)
    assert np.abs(images).max() <= 1.0 and np.abs(images).max() > 0.9


def test_a_picture_depends_on_its_own_noise_and_text_alone(generator):
    painter = generator.model()
    noise, text = codes()
    images = painter((noise, text)).numpy()
    for row in range(4):
        alone = painter((noise[row : row + 1], text[row : row + 1]))
        np.testing.assert_allclose(alone[0], images[row], atol=1e-5)
    assert np.abs(painter((noise, text[::-1])) - images).max() > 1e-2
    assert np.abs(painter((noise[::-1], text)) - images).max() > 1e-2


def test_the_logit_depends_on_picture_and_sentence(discriminator):
    critic = discriminator.model()
    images, text = discriminator.inputs
    logits = critic((images, text)).numpy()
    assert logits.shape == (4,)
    assert np.abs(critic((images, text[::-1])) - logits).max() > 1e-3
    assert np.abs(critic((images[::-1], text)) - logits).max() > 1e-3


def test_one_look_at_a_picture_serves_several_sentences(discriminator):
    critic = discriminator.model()
    images, text = discriminator.inputs
    grid = critic.features(images)
    twice = critic.judge(tf.concat([grid, grid], 0), np.concatenate([text, text[::-1]]))
    np.testing.assert_allclose(twice[:4], critic((images, text)), atol=1e-5)
    np.testing.assert_allclose(twice[4:], critic((images, text[::-1])), atol=1e-5)


def test_a_batch_without_variety_shows(discriminator):
    """The last channel of the features is the same everywhere: the batch's spread."""
    critic, images = discriminator.model(), discriminator.inputs[0]
    alike = np.repeat(images[:1], 4, axis=0)
    spread, none = (critic.features(x).numpy()[..., -1] for x in (images, alike))
    assert np.ptp(spread, axis=(1, 2)).max() == 0
    np.testing.assert_allclose(none, 1e-4, rtol=1e-3)
    assert spread.min() > 1e-2
