"""What all discriminators promise: each body below each head."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import DISCRIMINATORS, DataSettings, Experiment, GeneratorSettings
from trainer.losses.penalties import r1
from trainer.models.build import GENERATORS, build_discriminator

CONDITION = 6
# The last architecture that has it, for each body.
BODIES = {architecture.body: name for name, architecture in GENERATORS.items() if architecture.body}
SIDES = (28, 16, 32)
# Every body below every head, each body at every side.
CASES = [
    (architecture, head, SIDES[(number + place) % len(SIDES)])
    for place, architecture in enumerate(BODIES.values())
    for number, head in enumerate(DISCRIMINATORS)
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
    close = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(twice[:4], critic((images, text)), **close)
    np.testing.assert_allclose(twice[4:], critic((images, text[::-1])), **close)


def test_a_penalty_on_the_gradient_reaches_the_weights(case):
    critic, (images, text) = case.model(), case.inputs
    with tf.GradientTape() as tape:
        values = r1(lambda x, t: critic((x, t)), images, None, text, None)
        loss = tf.reduce_sum(values)
    assert values.shape == (4,) and (values.numpy() > 0).all()
    kernels = [v for v in critic.body.trainable_variables if v.path.endswith("kernel")]
    for kernel, gradient in zip(kernels, tape.gradient(loss, kernels), strict=True):
        assert np.abs(gradient.numpy()).max() > 0, kernel.path
