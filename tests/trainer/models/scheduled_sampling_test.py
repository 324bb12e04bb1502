"""What a captioner hears of its own words."""

import numpy as np
import pytest
import tensorflow as tf

from data.text import END, PAD, START
from trainer.config import CaptionerSettings, Experiment
from trainer.models.build import build_captioner
from trainer.models.scheduled_sampling import with_sampled_words

SIZE, ROWS, LENGTH = 9, 400, 6
IDS = np.tile(np.array([START, 4, 5, 6, END, PAD], np.int32), (ROWS, 1))
GRID = np.zeros((ROWS, 4, 3), np.float32)
PICTURE = np.zeros((ROWS, 2), np.float32)


@pytest.fixture(scope="module")
def model():
    experiment = Experiment(captioner=CaptionerSettings(units=4, embedding=4))
    built = build_captioner(experiment, np.ones(SIZE), (4, 3), 2, "float32")
    built.vocabulary.bias.assign(np.random.default_rng(0).normal(scale=1.5, size=SIZE))
    return built


def heard(model, share, seed=(0, 1)):
    return with_sampled_words(model, GRID, PICTURE, IDS, share, tf.constant(seed)).numpy()


def test_none_of_them_are_the_right_ones(model):
    np.testing.assert_array_equal(heard(model, 0.0), IDS)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_they_are_said_as_likely_as_the_model_thinks(model, share):
    found = heard(model, share)
    p = tf.nn.softmax(model((GRID, PICTURE, IDS))).numpy()[0]
    for place in (1, 2, 3):
        expected = share * p[place - 1]
        expected[IDS[0, place]] += 1 - expected[END + 1 :].sum()
        expected[: END + 1] = 0
        counts = np.bincount(found[:, place], minlength=SIZE) / ROWS
        np.testing.assert_allclose(counts, expected, atol=4 * 0.5 / ROWS**0.5)
    assert (found[:, 1:4] != IDS[:, 1:4]).any()


def test_first_word_end_and_padding_stay_and_no_caption_ends_early(model):
    found = heard(model, 1.0)
    np.testing.assert_array_equal(found[:, [0, 4, 5]], IDS[:, [0, 4, 5]])
    assert (found[:, 1:4] > END).all()


def test_they_follow_their_seed(model):
    once = heard(model, 0.5)
    np.testing.assert_array_equal(once, heard(model, 0.5))
    assert (once != heard(model, 0.5, (0, 2))).any()
