"""The conditional VAE's two networks."""

import numpy as np
import pytest

from trainer.config import DataSettings, Experiment, GeneratorSettings
from trainer.models.build import build_generator, build_vae_encoder

NOISE, CONDITION = 4, 6
CHECKS = ["graph", "mixed_precision", "gradients", "weights_file", "float32_island"]


def tiny(resolution):
    return Experiment(
        data=DataSettings(resolution=resolution),
        generator=GeneratorSettings(architecture="vae", noise=NOISE, width=4),
    )


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module", params=[(28, CONDITION), (32, 0), (64, CONDITION)])
def decoder(request, harness):
    resolution, condition = request.param
    return harness.Case(
        build=lambda policy: build_generator(tiny(resolution), condition, policy),
        inputs=(drawn(4, NOISE), drawn(4, condition, seed=1)),
        dtypes=("float32",),
    )


@pytest.fixture(scope="module", params=[(28, CONDITION), (32, 0), (64, CONDITION)])
def inference(request, harness):
    resolution, condition = request.param
    images = np.tanh(drawn(4, resolution, resolution, 3, seed=2))
    return harness.Case(
        build=lambda policy: build_vae_encoder(tiny(resolution), condition, policy),
        inputs=(images, drawn(4, condition, seed=1)),
        dtypes=("float32", "float32"),
        tolerance=0.15,
    )


@pytest.mark.parametrize("check", CHECKS)
def test_decoder_contract(harness, decoder, check, tmp_path):
    harness.check(check, decoder, tmp_path)


@pytest.mark.parametrize("check", CHECKS)
def test_inference_contract(harness, inference, check, tmp_path):
    harness.check(check, inference, tmp_path)


def test_pictures_have_the_resolution_asked_for_and_listen_to_noise_and_text(decoder):
    model, (noise, text) = decoder.model(), decoder.inputs
    images = model((noise, text)).numpy()
    assert images.shape[1:] in {(28, 28, 3), (32, 32, 3), (64, 64, 3)}
    assert np.abs(images).max() <= 1.0
    assert np.abs(model((noise[::-1], text)) - images).max() > 1e-2
    if text.shape[1]:
        assert np.abs(model((noise, text[::-1])) - images).max() > 1e-2


def test_the_noise_is_inferred_from_picture_and_text(inference):
    model, (images, text) = inference.model(), inference.inputs
    mean, log_variance = (value.numpy() for value in model((images, text)))
    assert mean.shape == log_variance.shape == (4, NOISE)
    assert log_variance.min() >= -8.0 and log_variance.max() <= 4.0
    assert np.abs(model((images[::-1], text))[0] - mean).max() > 1e-2
    if text.shape[1]:
        assert np.abs(model((images, text[::-1]))[0] - mean).max() > 1e-3
