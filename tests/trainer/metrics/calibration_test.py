"""Thresholds against a search over all that differ in what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.metrics.recognition import best_thresholds, multilabel


def f1_of(scores, truth, threshold):
    said = scores >= np.float32(threshold)
    return 2 * (said & truth).sum() / max(1, said.sum() + truth.sum())


def greatest_f1(scores, truth):
    return max(f1_of(scores, truth, threshold) for threshold in set(scores.tolist()))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.1000001, 0.5, 0.9, 1.0]), st.booleans()),
        min_size=2,
        max_size=12,
    )
)
def test_no_threshold_has_a_greater_f1(pairs):
    scores = np.array([[score] for score, _ in pairs], np.float32)
    truth = np.array([[holds] for _, holds in pairs])
    (found,) = best_thresholds(scores, truth, fewest=1, least=0.0)
    assert 0 <= found <= 1
    if truth.any() and not truth.all():
        said, holds = scores[:, 0], truth[:, 0]
        assert f1_of(said, holds, found) == pytest.approx(greatest_f1(said, holds))
    else:
        assert found == 0.5


def test_a_threshold_lies_in_the_middle_of_its_gap():
    scores = np.array([[0.1], [0.2], [0.6], [0.8]])
    labels = np.array([[0], [0], [1], [1]])
    np.testing.assert_allclose(best_thresholds(scores, labels, fewest=1), [0.4])


def test_of_equal_thresholds_the_one_with_the_widest_gap_is_taken():
    scores = np.array([[0.9], [0.8], [0.7], [0.2]])
    labels = np.array([[1], [0], [0], [1]])
    assert f1_of(scores[:, 0], labels[:, 0] > 0, 0.85) == pytest.approx(2 / 3)
    assert f1_of(scores[:, 0], labels[:, 0] > 0, 0.1) == pytest.approx(2 / 3)
    np.testing.assert_allclose(best_thresholds(scores, labels, fewest=1), [0.1])


def test_neighbouring_floats_are_told_apart():
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    (found,) = best_thresholds(np.array([[low], [high]]), np.array([[0], [1]]), fewest=1)
    assert low < found <= high


def test_rare_labels_share_one_threshold():
    rng = np.random.default_rng(0)
    labels = rng.random((400, 3)) < [0.3, 0.01, 0.4]
    scores = (0.1 + 0.2 * labels + 0.05 * rng.random(labels.shape)).astype(np.float32)
    found = best_thresholds(scores, labels)
    assert labels[:, 1].sum() < 10
    (pooled,) = best_thresholds(scores.reshape(-1, 1), labels.reshape(-1, 1))
    assert found[1] == pooled
    assert len(set(found.tolist())) == 3
    assert multilabel(scores, labels, threshold=found).macro_f1.value == 1.0
    assert multilabel(scores, labels).macro_f1.value == 0.0


def test_a_label_that_is_hardly_seen_is_not_claimed_everywhere():
    rng = np.random.default_rng(0)
    labels = rng.random((1000, 2)) < [0.3, 0.05]
    scores = np.where(labels, 0.8, 0.2) + 0.05 * rng.random(labels.shape)
    scores[:, 1] = 0.1 * rng.random(1000)
    seen, unseen = best_thresholds(scores, labels)
    (pooled,) = best_thresholds(scores.reshape(-1, 1), labels.reshape(-1, 1))
    assert unseen == pooled > 0.2
    assert best_thresholds(scores, labels, least=0.0)[1] < 0.1
    assert seen == best_thresholds(scores, labels, least=0.0)[0]


def test_without_positives_a_half_says_yes():
    assert best_thresholds(np.zeros((5, 2)), np.zeros((5, 2))).tolist() == [0.5, 0.5]
    assert best_thresholds(np.zeros((0, 2)), np.zeros((0, 2))).tolist() == [0.5, 0.5]
    assert best_thresholds(np.zeros((5, 0)), np.zeros((5, 0))).shape == (0,)
    with pytest.raises(ValueError, match=r"both be \[N, A\]"):
        best_thresholds(np.zeros((5, 2)), np.zeros((5, 3)))


def test_scores_that_are_no_numbers_have_no_threshold():
    scores, labels = np.full((20, 2), 0.5), np.ones((20, 2))
    scores[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        best_thresholds(scores, labels)
