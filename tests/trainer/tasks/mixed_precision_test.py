"""Steps of each stage in bfloat16 and float16: losses stay finite, and the penalty is exact."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from data.images import to_float
from trainer.config import STAGES
from trainer.losses.penalties import penalty_weight, r1
from trainer.models.build import build_discriminator
from trainer.tasks.captioner import CaptionerTask
from trainer.tasks.encoder import EncoderTask
from trainer.tasks.gan import GanTask
from trainer.tasks.vae import VaeTask


@pytest.fixture(autouse=True)
def _eagerly(eagerly):
    with eagerly():
        yield


@pytest.fixture
def make(trained, experiment, prepared):
    encoder = trained("encoder").task.model

    def task(stage, policy="mixed_bfloat16"):
        if stage == "encoder":
            return EncoderTask(experiment, prepared, policy)
        kind = {"captioner": CaptionerTask, "generator": GanTask, "vae": VaeTask}[stage]
        generator = replace(experiment.generator, architecture="vae")
        chosen = replace(experiment, generator=generator) if stage == "vae" else experiment
        return kind(chosen, prepared, policy, encoder)

    return task


def weights(task):
    models = [value for value in task.state().values() if hasattr(value, "get_weights")]
    return [weight for model in models for weight in model.get_weights()]


@pytest.mark.parametrize("stage", STAGES)
def test_a_step_moves_float32_weights_by_finite_losses(make, stage):
    task = make(stage)
    before = weights(task)
    losses = task.train_step(0, 0.5, task.batch(0))
    assert all(np.isfinite(float(loss)) for loss in losses.values())
    after = weights(task)
    assert {weight.dtype for weight in after} == {np.dtype(np.float32)}
    moved = [not np.array_equal(one, other) for one, other in zip(before, after, strict=True)]
    assert np.mean(moved) > 0.8 and all(np.isfinite(weight).all() for weight in after)


def momenta(task):
    """Norms of the first moments, by optimiser."""
    norms = {}
    for name, part in task.state().items():
        if "optimizer" in name:
            adam = getattr(part, "inner_optimizer", part)
            moments = [np.array(v) for v in adam.variables if v.path.endswith("momentum")]
            norms[name] = np.sqrt(sum(np.sum(moment**2) for moment in moments))
    return norms


@pytest.mark.parametrize("stage", ["captioner", "generator", "vae"])
def test_in_float16_losses_are_scaled_and_what_overflows_is_left_out(make, stage):
    exact, task = make(stage, "float32"), make(stage, "mixed_float16")
    exact.train_step(0, 0.5, exact.batch(0))
    before = weights(task)
    for _ in range(16):
        losses = task.train_step(0, 0.5, task.batch(0))
        assert all(np.isfinite(float(loss)) for loss in losses.values())
        if all(momenta(task).values()):
            break
    after = weights(task)
    moved = [not np.array_equal(one, other) for one, other in zip(before, after, strict=True)]
    assert np.mean(moved) > 0.8 and all(np.isfinite(weight).all() for weight in after)
    # Some have made more updates than others; a scale that is not taken back is 1,000 or more.
    for name, norm in momenta(exact).items():
        assert 0.25 < momenta(task)[name] / norm < 4, name


def test_the_penalty_is_lazy_and_computed_in_float32(make, experiment):
    task = make("generator")
    images, text, _ = task.batch(0)
    exact = build_discriminator(experiment, text.condition.shape[-1], "float32")
    exact.set_weights(task.gans[0].discriminator.get_weights())
    real, told = to_float(images), tf.constant(text.condition)
    norms = r1(lambda x, t: exact((x, t)), real, None, told, None)
    expected = penalty_weight("r1", 16, 8) * float(tf.reduce_mean(norms))
    losses = [task.train_step(step, 0.5, task.batch(step)) for step in range(5)]
    assert ["penalty" in step for step in losses] == [True, False, False, False, True]
    assert float(losses[0]["penalty"]) == pytest.approx(expected, rel=1e-4)
    assert task.gans[0].discriminator.dtype_policy.name == "mixed_bfloat16"


def test_before_the_game_only_the_painters_learn(make):
    task = make("generator")
    names = ("generator", "posterior", "average", "discriminator_0")
    before = {name: task.state()[name].get_weights() for name in names}
    losses = task.train_step(0, 0.2, task.batch(0))
    assert set(losses) == {"reconstruction", "kl"}
    for name in names:
        after = task.state()[name].get_weights()
        moved = any((a != b).any() for a, b in zip(after, before[name], strict=True))
        assert moved == (name != "discriminator_0"), name
