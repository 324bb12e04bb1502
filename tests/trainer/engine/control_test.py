"""Rates and seeds of steps under the schedules, plateaus and rollbacks."""

import pytest
import tensorflow as tf

from trainer.config import TrainingSettings
from trainer.engine.control import Control
from trainer.engine.randomness import step_seed
from trainer.engine.schedules import warmup_cosine


def test_an_undisturbed_training_has_the_plain_schedule_and_seeds():
    control = Control(TrainingSettings(seed=7))
    for progress in (0.0, 0.01, 0.4, 1.0):
        expected = 3e-3 * warmup_cosine(tf.constant(progress))
        assert float(control.rate(3e-3, tf.constant(progress))) == float(expected)
    assert control.seed(5).numpy().tolist() == step_seed(7, 5).numpy().tolist() == [7, 5]


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_other_schedules_warm_up_and_stay(schedule):
    control = Control(TrainingSettings(schedule=schedule))
    rates = [float(control.rate(2.0, progress)) for progress in (0.0, 0.015, 0.03, 1.0)]
    assert rates == pytest.approx([0.0, 1.0, 2.0, 2.0])


def test_rollbacks_and_plateaus_lower_the_rate_and_only_rollbacks_change_seeds():
    control = Control(TrainingSettings(schedule="constant"))
    seeds = [control.seed(5).numpy().tolist()]
    control.lowered.assign(0.5)
    assert control.seed(5).numpy().tolist() == seeds[0]
    for turn in (1, 2):
        control.rollback_count.assign(turn)
        seeds.append(control.seed(5).numpy().tolist())
        assert float(control.rate(1.0, 0.5)) == 0.5 ** (turn + 1)
    assert len({tuple(seed) for seed in seeds}) == 3
