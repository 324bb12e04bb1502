"""Every kind of generator: which steps it makes when, and what they move."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from trainer.tasks.gan import CONTROL_EVERY, GanTask
from trainer.tasks.vae import VaeTask


@pytest.fixture
def make(trained, experiment, prepared, eagerly):
    """Returns a function: settings of the generator -> task."""
    encoder = trained("encoder").task.model

    def task(kind=GanTask, parts=1, **settings):
        changed = replace(
            experiment,
            generator=replace(experiment.generator, **settings),
            training=replace(experiment.training, accumulate=parts),
        )
        return kind(changed, prepared, "float32", encoder)

    # What other tests share is trained before.
    with eagerly():
        yield task


def weights(part):
    return [np.array(variable.value) for variable in part.variables]


def moved(task, *steps):
    """Names of what the steps (number, progress) move, and the last losses."""
    before = {name: weights(part) for name, part in task.state().items()}
    for step, progress in steps:
        losses = task.train_step(step, progress, task.batch(step))
    assert all(np.isfinite(float(loss)) for loss in losses.values())
    after = {name: weights(part) for name, part in task.state().items()}
    changed = {
        name
        for name, values in before.items()
        if any((a != b).any() for a, b in zip(values, after[name], strict=True))
    }
    return changed, losses


def test_the_generator_moves_only_after_the_discriminators_steps(make):
    task = make(loss="wgan_gp", adversarial_from=0.0)
    changed, losses = moved(task, (0, 0.1), (1, 0.1), (2, 0.1), (3, 0.1))
    assert changed == {"discriminator_0", "discriminator_optimizer_0"}
    assert "g_adversarial" not in losses
    changed, losses = moved(task, (4, 0.1))
    assert {"generator", "average", "posterior", "discriminator_0"} <= changed
    assert "g_adversarial" in losses


@pytest.mark.parametrize(("steps", "kept_images"), [(1, 16), (3, 48)])
def test_the_average_forgets_by_images_seen_whoever_learned_from_them(make, steps, kept_images):
    task = make(adversarial_from=0.0, discriminator_steps=steps, ema_images=40, batch_size=16)
    before = weights(task.average)
    step = 60 * steps - 1
    task.train_step(step, 0.1, task.batch(step))
    keep = 0.5 ** (kept_images / 40)
    for old, average, weight in zip(
        before, weights(task.average), weights(task.generator), strict=True
    ):
        np.testing.assert_allclose(average, weight + keep * (old - weight), atol=1e-6)


def test_only_the_generators_gradients_are_clipped(make):
    clip = 1e-3
    task = make(adversarial_from=0.0, clip_norm=clip, penalty_every=1)
    task.train_step(0, 0.1, task.batch(0))
    gan = task.gans[0]
    lengths = {
        name: float(tf.linalg.global_norm([moment.value for moment in optimizer._momentums]))
        for name, optimizer in (("g", gan.optimizer), ("d", gan.discriminator_optimizer))
    }
    # The first moment after one step is (1 - beta_1) times the gradient.
    assert lengths["g"] == pytest.approx(0.5 * clip, rel=1e-3)
    assert lengths["d"] > 100 * clip


def test_wasserstein_weights_stay_within_their_bounds(make):
    task = make(loss="wasserstein", adversarial_from=0.0)
    moved(task, (0, 0.1))
    largest = max(np.abs(w).max() for w in weights(task.gans[0].discriminator))
    assert largest <= 0.01


def test_without_the_bound_nothing_is_inferred(make):
    task = make(reconstruction_weight=0.0, adversarial_from=0.0)
    changed, losses = moved(task, (0, 0.5))
    assert "posterior" not in changed and "generator" in changed
    assert not {"reconstruction", "kl"} & set(losses)


def test_each_stage_of_two_has_its_half_of_the_training(make):
    task = make(architecture="two_stage", adversarial_from=0.5)
    first, second = task.generator.first, task.generator.second
    for progress, (learning, resting), game, losses in (
        (0.1, (first, second), None, {"reconstruction", "kl", "g_conditioning"}),
        (0.4, (first, second), "discriminator_0", {"g_adversarial", "g_conditioning"}),
        (0.6, (second, first), None, {"reconstruction", "kl", "g_conditioning"}),
        (0.9, (second, first), "discriminator_1", {"g_adversarial", "g_conditioning"}),
    ):
        rested, learned = weights(resting), weights(learning)
        changed, found = moved(task, (1, progress))
        for before, after in zip(rested, weights(resting), strict=True):
            np.testing.assert_array_equal(before, after)
        assert any((a != b).any() for a, b in zip(learned, weights(learning), strict=True))
        judged = {name for name in changed if name in ("discriminator_0", "discriminator_1")}
        assert judged == ({game} if game else set())
        assert losses <= set(found)


def test_an_unconditional_generator_is_told_nothing_and_has_nothing_to_agree_with(make):
    task = make(conditional=False, discriminator="unconditional")
    assert task.batch(0)[1].condition.shape == (8, 0)
    changed, losses = moved(task, (0, 0.9))
    assert {"generator", "discriminator_0"} <= changed
    assert not {"d_mismatched", "g_contrastive", "g_attributes"} & set(losses)
    assert set(task.validate()) >= {"kid_encoder"}


def test_captions_are_faded_in(make, monkeypatch):
    task = make(adversarial_from=0.0, conditioning_ramp=0.5)
    told = []
    logits = task.gans[0].discriminator.logits
    monkeypatch.setattr(
        task.gans[0].discriminator,
        "logits",
        lambda seen, text: told.append(text) or logits(seen, text),
    )
    condition = task.batch(0)[1].condition
    for progress, share in ((0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.9, 1.0)):
        told.clear()
        task.train_step(1, progress, task.batch(0))
        np.testing.assert_allclose(told[0][: len(condition)], share * condition, rtol=1e-5)


def test_augmentation_follows_the_discriminator(make):
    task = make(augment_adaptive=True, augment_images=8 * CONTROL_EVERY, augment_target=-1e9)
    changed, losses = moved(task, (0, 0.9))
    assert "augmentation_0" in changed
    assert float(losses["augment_probability"]) == 1.0
    changed, losses = moved(task, (1, 0.9))
    assert "augmentation_0" not in changed and "augment_probability" not in losses


def test_a_held_out_check_tells_of_the_discriminators_overfitting(make, monkeypatch):
    task = make(adversarial_from=0.5)
    task.train_step(0, 0.1, task.batch(0))
    assert "discriminator_gap" not in task.validate()
    task.train_step(1, 0.9, task.batch(1))
    before = {name: weights(part) for name, part in task.state().items()}
    gap = task.validate()["discriminator_gap"]
    assert gap == task.validate()["discriminator_gap"] and np.isfinite(gap)
    for name, part in task.state().items():
        for old, new in zip(before[name], weights(part), strict=True):
            np.testing.assert_array_equal(old, new)
    seen = []

    def logits(gan, step, train, held):
        seen.append((train, held))
        return tf.fill([len(train[0])], 3.0), tf.fill([len(held[0])], 2.0), tf.zeros([4])

    monkeypatch.setattr(task, "_logits", logits)
    assert task.validate()["discriminator_gap"] == pytest.approx(1 / 3)
    held = np.concatenate([held[0] for _, held in seen])
    np.testing.assert_array_equal(held, task.held_out.images[: len(held)])
    assert len(held) > len(task.held_noise) - task.batch_size


def test_the_vae_has_no_opponent(make):
    task = make(VaeTask, architecture="vae")
    changed, losses = moved(task, (0, 0.5))
    assert changed == {"generator", "average", "inference", "optimizer"}
    assert set(losses) == {"reconstruction", "kl"}
    assert "discriminator_gap" not in task.validate()


# What compares the pictures of a batch with each other sees a part.
ALONE = {"mismatch_weight": 0.0, "contrastive_weight": 0.0, "attribute_weight": 0.0}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (GanTask, ALONE | {"loss": "relativistic", "penalty": "wgan_gp"}),
        (VaeTask, {"architecture": "vae"}),
    ],
)
def test_parts_of_a_batch_teach_what_the_whole_does(make, kind, settings):
    whole, parts = make(kind, **settings), make(kind, parts=2, **settings)
    for step, progress in ((0, 0.2), (4, 0.5), (5, 0.6)):
        expected, losses = (
            task.train_step(step, progress, task.batch(step)) for task in (whole, parts)
        )
        assert expected.keys() == losses.keys()
        for name, value in losses.items():
            assert float(value) == pytest.approx(float(expected[name]), rel=2e-3), (step, name)
    optimizers = [part for name, part in parts.state().items() if name.startswith("optimizer")]
    assert [int(optimizer.iterations) for optimizer in optimizers] == [3]


def test_parts_of_an_opponents_step_are_one_update(make):
    task = make(parts=2, loss="wgan_gp", adversarial_from=0.0)
    changed, losses = moved(task, (0, 0.1))
    assert changed == {"discriminator_0", "discriminator_optimizer_0"} and "penalty" in losses
    assert int(task.gans[0].discriminator_optimizer.iterations) == 1
