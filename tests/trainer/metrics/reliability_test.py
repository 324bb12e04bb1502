from itertools import pairwise

import numpy as np
import pytest

from trainer.metrics.recognition import reliability


def brute_force(scores, labels, bins):
    """Expected calibration error of flat scores, bin by bin."""
    total = 0.0
    for index in range(bins):
        low, high = index / bins, (index + 1) / bins
        inside = (scores >= low) & ((scores < high) | ((index == bins - 1) & (scores <= high)))
        if inside.any():
            total += inside.mean() * abs(scores[inside].mean() - labels[inside].mean())
    return total


@pytest.fixture
def judged():
    rng = np.random.default_rng(0)
    scores = rng.random((200, 3))
    scores[0, 0], scores[1, 0] = 0.0, 1.0
    return scores, rng.random(scores.shape) < scores**2


def test_error_by_brute_force(judged):
    scores, labels = judged
    found = reliability(scores, labels, bins=8)
    assert found.error.value == pytest.approx(brute_force(scores.ravel(), labels.ravel(), 8))
    each = [brute_force(scores[:, place], labels[:, place], 8) for place in range(3)]
    np.testing.assert_allclose(found.label_errors, each)
    assert found.error.low < found.error.value < found.error.high


def test_bars_hold_all_pairs(judged):
    scores, labels = judged
    bars = reliability(scores, labels).bins
    assert len(bars) == 10
    assert sum(bar.count for bar in bars) == scores.size
    assert (bars[0].low, bars[-1].high) == (0.0, 1.0)
    assert all(bar.low <= bar.score <= bar.high for bar in bars)
    assert sum(bar.count * bar.frequency for bar in bars) == pytest.approx(labels.sum())
    empty = reliability(np.array([[0.95], [0.95], [1.0], [1.0]]), np.ones((4, 1))).bins
    assert (empty[0].count, empty[0].score, empty[0].frequency) == (0, None, None)
    assert (empty[9].count, empty[9].frequency) == (4, 1.0)


def test_error_grows_as_scores_leave_the_frequencies():
    rng = np.random.default_rng(1)
    truth = rng.random((4000, 2))
    labels = rng.random(truth.shape) < truth
    found = [reliability(truth**power, labels).error for power in (1, 1.5, 3, 9)]
    values = [one.value for one in found]
    assert values[0] < 0.02
    assert values == sorted(values)
    for less, more in pairwise(found):
        assert less.high < more.low


def test_chance_is_what_even_scores_give():
    rng = np.random.default_rng(2)
    labels = rng.random((20000, 3)) < 0.2
    found = reliability(rng.random(labels.shape), labels)
    assert found.error.value == pytest.approx(found.chance, abs=0.01)


@pytest.mark.parametrize(
    "scores,labels,words",
    [
        (np.zeros((3, 2)), np.zeros((2, 2)), "both be"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "both be"),
        (np.full((2, 2), 1.5), np.zeros((2, 2)), "0 to 1"),
        (np.full((2, 2), np.nan), np.zeros((2, 2)), "0 to 1"),
    ],
)
def test_wrong_input_is_named(scores, labels, words):
    with pytest.raises(ValueError, match=words):
        reliability(scores, labels)
