"""Rewards of captions, and what a captioner learns from them."""

import numpy as np
import pytest
import tensorflow as tf

from data.text import END, PAD, START
from trainer.config import CaptionerSettings, Experiment
from trainer.metrics.captions import Frequencies, cider_d
from trainer.models.build import build_captioner
from trainer.tasks.self_critical import Rewards, SelfCritical

IDS = np.array(
    [
        [START, 4, 5, 6, END, PAD],
        [START, 4, 5, 7, 8, END],
        [START, 6, 6, 4, END, PAD],
        [START, 9, 8, END, PAD, PAD],
        [START, 9, 7, 8, END, PAD],
    ]
)
GROUPS = [(0, 0), (0, 0), (1, 0), (0, 1), (1, 1)]


def test_a_reward_is_cider_d_within_the_language_and_counts_the_end():
    rewards = Rewards(IDS, GROUPS)
    first = [(4, 5, 6, END), (4, 5, 7, 8, END)]
    frequencies = Frequencies([first, [(6, 6, 4, END)]])
    said = np.array([[4, 5, 6, END, PAD], [4, 5, 6, 7, 8], [9, 8, END, PAD, PAD]])
    found = rewards([1, 0, 3], said)
    assert found.dtype == np.float32
    expected = [cider_d(words, first, frequencies) for words in ((4, 5, 6, END), (4, 5, 6, 7, 8))]
    np.testing.assert_allclose(found[:2], expected, rtol=1e-5)
    other = Frequencies([[(9, 8, END)], [(9, 7, 8, END)]])
    assert found[2] == pytest.approx(cider_d((9, 8, END), [(9, 8, END)], other))
    whole, cut = rewards([0, 0], np.array([[4, 5, 6, END], [4, 5, 6, PAD]]))
    assert whole > cut


def test_what_is_rewarded_is_said_more_often():
    experiment = Experiment(captioner=CaptionerSettings(units=8, embedding=6))
    model = build_captioner(experiment, np.ones(10), (4, 3), 2, "float32")

    def fives(rows, said):
        assert rows.tolist() == list(range(64))
        return np.sum(said == 5, axis=1).astype(np.float32)

    loss_of, variables = SelfCritical(model, fives, 4), model.trainable_variables
    rng = np.random.default_rng(0)
    picture = rng.normal(size=(64, 2)).astype(np.float32)
    grid = rng.normal(size=(64, 4, 3)).astype(np.float32)

    @tf.function
    def learn(step):
        with tf.GradientTape() as tape:
            first = tf.fill([64], START)
            loss, rewards = loss_of(grid, picture, first, tf.range(64), tf.stack([0, step]))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.05 * tf.convert_to_tensor(gradient))
        return rewards["reward"]

    reached = [float(learn(tf.constant(step))) for step in range(25)]
    assert np.mean(reached[-5:]) > np.mean(reached[:5]) + 0.5
