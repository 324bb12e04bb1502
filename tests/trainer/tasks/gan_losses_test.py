"""How the adversarial steps use losses and penalties."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from data.images import to_float
from trainer.config import GeneratorSettings
from trainer.losses.penalties import PENALTIES, penalty_weight
from trainer.tasks.gan import GanTask, chosen_penalty


@pytest.fixture
def play(trained, experiment, prepared, monkeypatch, eagerly):
    """Returns a function: settings -> (task, batch 0), whose captions 0 and 1 say the same."""
    encoder = trained("encoder").task.model

    def make(**settings):
        generator = replace(experiment.generator, augment=(), **settings)
        task = GanTask(replace(experiment, generator=generator), prepared, "float32", encoder)
        images, text, grid = task.batch(0)
        embedding = np.eye(8, dtype=np.float32)[[0, 0, 2, 3, 4, 5, 6, 7]]
        return task, (images, text._replace(embedding=embedding), grid)

    # What other tests share is trained before.
    with eagerly():
        yield make


class Spy:
    """A loss that notes the logits that each side is called with."""

    def __init__(self, loss):
        self.discriminator_calls, self.generator_calls = [], []
        self.loss = loss._replace(
            discriminator=self._noting(self.discriminator_calls, loss.discriminator),
            generator=self._noting(self.generator_calls, loss.generator),
        )

    def _noting(self, calls, function):
        def noted(real, fake):
            calls.append((real, fake))
            return function(real, fake)

        return noted


def test_the_default_penalty_is_r1_by_the_rule_every_16_steps():
    settings = GeneratorSettings(batch_size=32)
    expected = (PENALTIES["r1"], pytest.approx(0.0002 * 64 * 64 / 32), 16)
    assert chosen_penalty(settings, 64) == expected


@pytest.mark.parametrize(
    ("loss", "penalty", "every"),
    [("wgan_gp", "wgan_gp", 1), ("relativistic", "r1_r2", 16), ("least_squares", "r1", 16)],
)
def test_auto_takes_what_goes_with_the_loss(loss, penalty, every):
    settings = GeneratorSettings(loss=loss, batch_size=32)
    assert chosen_penalty(settings, 64) == (
        PENALTIES[penalty],
        penalty_weight(penalty, 64, 32),
        every,
    )


def test_settings_have_the_last_word():
    settings = GeneratorSettings(penalty="matching_aware", penalty_weight=0.0, penalty_every=3)
    assert chosen_penalty(settings, 64) == (PENALTIES["matching_aware"], 0.0, 3)
    assert chosen_penalty(replace(settings, penalty="none"), 64) is None
    assert chosen_penalty(GeneratorSettings(loss="wasserstein"), 64) is None


def test_wrong_captions_weigh_as_in_gan_cls(play):
    """(1 - w) D(real, fake) + w D(real, mismatch), the latter where the caption is another."""
    task, batch = play(loss="non_saturating", mismatch_weight=0.25)
    spy = Spy(task.gans[0].loss)
    task.gans[0].loss = spy.loss
    losses = task.train_step(0, 0.9, batch)
    (real, fake), (again, mismatch) = (
        [np.array(side, np.float64) for side in call] for call in spy.discriminator_calls
    )
    np.testing.assert_array_equal(real, again)
    assert not np.allclose(fake, mismatch)
    differs = np.arange(8) != 1
    matched = np.log1p(np.exp(-real)) + np.log1p(np.exp(fake))
    mismatched = differs * (np.log1p(np.exp(-real)) + np.log1p(np.exp(mismatch)))
    assert float(losses["d_matched"]) == pytest.approx(0.75 * matched.mean(), rel=1e-5)
    assert float(losses["d_mismatched"]) == pytest.approx(0.25 * mismatched.mean(), rel=1e-5)


def test_an_unpaired_loss_judges_no_real_pictures_for_the_generator(play):
    task, batch = play(loss="hinge")
    spy = Spy(task.gans[0].loss)
    task.gans[0].loss = spy.loss
    task.train_step(1, 0.9, batch)
    assert [real for real, _ in spy.generator_calls] == [None]


def test_a_paired_loss_judges_them_with_the_discriminator_that_has_just_learned(play):
    task, batch = play(loss="relativistic")
    spy = Spy(task.gans[0].loss)
    task.gans[0].loss = spy.loss
    losses = task.train_step(1, 0.9, batch)
    ((real, fake),) = spy.generator_calls
    told = (to_float(batch[0]), tf.constant(batch[1].condition))
    np.testing.assert_allclose(real, task.gans[0].discriminator(told), rtol=1e-5)
    expected = np.log1p(np.exp(np.array(real) - np.array(fake))).mean()
    assert float(losses["g_adversarial"]) == pytest.approx(expected, rel=1e-5)


def test_a_penalty_gets_the_pictures_and_captions_of_the_step_and_a_seed_of_its_own(
    play, monkeypatch
):
    calls = []

    def noted(critic, real, fake, text, seed):
        calls.append((real, fake, text, seed))
        return tf.range(8.0)

    monkeypatch.setitem(PENALTIES, "wgan_gp", noted)
    task, batch = play(loss="wgan_gp", penalty_every=None)
    losses = [task.train_step(step, 0.9, batch) for step in (0, 1)]
    (real, fake, text, seed), (_, _, _, later) = calls
    np.testing.assert_array_equal(real, to_float(batch[0]))
    np.testing.assert_array_equal(text, batch[1].condition)
    assert fake.shape == real.shape and not np.allclose(fake, real, atol=0.1)
    assert seed.shape == (2,) and not np.array_equal(seed, later)
    assert [float(values["penalty"]) for values in losses] == [35.0, 35.0]
