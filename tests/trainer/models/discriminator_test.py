"""What all discriminators promise: each body below each head."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import DISCRIMINATORS, DataSettings, Experiment, GeneratorSettings
from trainer.losses.penalties import r1
from trainer.models.build import GENERATORS, build_discriminator

CONDITION = 6
CASES = [
    ("mlp", "matching_aware", 28),
    ("mlp", "projection", 16),
    ("mlp", "unconditional", 28),
    ("dcgan", "matching_aware", 32),
    ("dcgan", "projection", 28),
    ("dcgan", "unconditional", 16),
    ("one_stage", "matching_aware", 28),
    ("one_stage", "projection", 16),
    ("one_stage", "unconditional", 32),
]


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request, harness):
    architecture, head, side = request.param
    experiment = Experiment(
        data=DataSettings(resolution=side),
        generator=GeneratorSettings(
            architecture=architecture, discriminator=head, discriminator_width=4
        ),
    )
    rng = np.random.default_rng(1)
    images = rng.uniform(-1, 1, (4, side, side, 3)).astype(np.float32)
    return harness.Case(
        build=lambda policy: build_discriminator(experiment, CONDITION, policy),
        inputs=(images, rng.normal(size=(4, CONDITION)).astype(np.float32)),
        dtypes=("float32",),
    )


@pytest.fixture
def reads(request):
    return request.node.callspec.params["case"][1] != "unconditional"


@pytest.mark.parametrize(
    "check", ["graph", "mixed_precision", "gradients", "weights_file", "float32_island"]
)
def test_contract(harness, case, check, tmp_path):
    harness.check(check, case, tmp_path)


def test_the_logit_depends_on_the_picture_and_unless_unconditional_on_the_text(case, reads):
    critic, (images, text) = case.model(), case.inputs
    logits = critic((images, text)).numpy()
    assert logits.shape == (4,)
    assert np.abs(critic((images[::-1], text)) - logits).max() > 1e-3
    differs = np.abs(critic((images, text[::-1])) - logits).max()
    assert differs > 1e-3 if reads else differs == 0


def test_one_look_at_a_picture_serves_several_sentences(case):
    critic, (images, text) = case.model(), case.inputs
    seen = critic.features(images)
    twice = critic.logits(tf.concat([seen, seen], 0), np.concatenate([text, text[::-1]]))
    np.testing.assert_allclose(twice[:4], critic((images, text)), atol=1e-5)
    np.testing.assert_allclose(twice[4:], critic((images, text[::-1])), atol=1e-5)


def test_a_penalty_on_the_gradient_reaches_the_weights(case):
    critic, (images, text) = case.model(), case.inputs
    with tf.GradientTape() as tape:
        values = r1(lambda x, t: critic((x, t)), images, None, text, None)
        loss = tf.reduce_sum(values)
    assert values.shape == (4,) and (values.numpy() > 0).all()
    kernels = [v for v in critic.body.trainable_variables if v.path.endswith("kernel")]
    for kernel, gradient in zip(kernels, tape.gradient(loss, kernels), strict=True):
        assert np.abs(gradient.numpy()).max() > 0, kernel.path


def test_every_body_meets_every_head():
    bodies = {architecture.body for architecture in GENERATORS.values()} - {None}
    met = {(GENERATORS[architecture].body, head) for architecture, head, _ in CASES}
    assert met == {(body, head) for body in bodies for head in DISCRIMINATORS}
