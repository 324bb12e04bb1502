"""What all generators promise, whatever their architecture."""

import numpy as np
import pytest

from trainer.config import ARCHITECTURES, DataSettings, Experiment, GeneratorSettings
from trainer.models.build import GENERATORS, build_discriminators, build_generator

NOISE, CONDITION = 4, 6
GAMES = [name for name, architecture in GENERATORS.items() if architecture.body]
# Each architecture at 28 pixels and at a power of two, with captions and without.
CASES = [
    *((name, 16 if name == "two_stage" else 32, 0) for name in GAMES),
    *((name, 28, CONDITION) for name in GAMES),
    ("one_stage", 16, CONDITION),
]


def tiny(architecture, resolution, **settings):
    return Experiment(
        data=DataSettings(resolution=resolution),
        generator=GeneratorSettings(
            architecture=architecture, noise=NOISE, width=4, discriminator_width=4, **settings
        ),
    )


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request, harness):
    architecture, resolution, condition = request.param
    experiment = tiny(architecture, resolution)
    rng = np.random.default_rng(0)
    noise = build_generator(experiment, condition, "float32").noise_width
    return harness.Case(
        build=lambda policy: build_generator(experiment, condition, policy),
        inputs=tuple(rng.normal(size=(4, size)).astype(np.float32) for size in (noise, condition)),
        training={"training": True},
        dtypes=("float32",),
        # Few channels, normalised: rounding shows more than in a grown model.
        tolerance=0.15,
    )


@pytest.mark.parametrize(
    "check", ["graph", "mixed_precision", "gradients", "weights_file", "float32_island"]
)
def test_contract(harness, case, check, tmp_path):
    harness.check(check, case, tmp_path)


def test_pictures_have_the_resolution_and_range_asked_for(case, request):
    _, side, _ = request.node.callspec.params["case"]
    noise, text = case.inputs
    images = case.model()((noise * 200, text)).numpy()
    assert images.shape == (4, side, side, 3)
    assert np.abs(images).max() <= 1.0 and images.max() > 0.8 and images.min() < -0.8


def test_a_picture_depends_on_its_own_noise_and_text_alone(case):
    painter, (noise, text) = case.model(), case.inputs
    images = painter((noise, text)).numpy()
    for row in range(4):
        alone = painter((noise[row : row + 1], text[row : row + 1]))
        np.testing.assert_allclose(alone[0], images[row], atol=1e-5)
    assert np.abs(painter((noise[::-1], text)) - images).max() > 1e-2
    if text.size:
        assert np.abs(painter((noise, text[::-1])) - images).max() > 1e-2


def test_painting_leaves_the_model_as_it_is(case):
    painter = case.model()
    before = painter.get_weights()
    painter(case.inputs)
    for weight, kept in zip(painter.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_settings_and_models_know_the_same_architectures():
    assert tuple(GENERATORS) == ARCHITECTURES


@pytest.mark.parametrize(
    ("architecture", "settings", "sides"),
    [
        ("one_stage", {}, [32]),
        ("two_stage", {}, [16, 32]),
        ("two_stage", {"sketch_resolution": 8}, [8, 32]),
    ],
)
def test_each_stage_has_a_discriminator_of_its_size(architecture, settings, sides):
    experiment = tiny(architecture, 32, **settings)
    critics = build_discriminators(experiment, CONDITION, "float32")
    assert len(critics) == len(sides)
    for critic, side in zip(critics, sides, strict=True):
        images, text = np.zeros((2, side, side, 3), "float32"), np.zeros((2, CONDITION), "float32")
        assert critic((images, text)).shape == (2,)
    if len(sides) == 2:
        assert critics[0].count_params() < critics[1].count_params()
