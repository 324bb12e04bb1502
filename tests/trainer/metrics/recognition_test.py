import numpy as np
import pytest

from trainer.metrics.recognition import (
    attribute_agreement,
    group_of,
    kind_of,
    multilabel,
)

LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0]])
SCORES = np.array([[0.9, 0.6, 0.1], [0.8, 0.2, 0.2], [0.7, 0.9, 0.3], [0.1, 0.4, 0.9]])
COLOURS = ["circle colour:red", "circle colour:blue", "circle colour:green"]
NAMES = [*COLOURS, "red shape:circle", "red shape:square", "size:big"]


def test_multilabel_by_hand():
    result = multilabel(SCORES, LABELS)
    np.testing.assert_allclose(result.precision, [2 / 3, 1 / 2, 0])
    np.testing.assert_allclose(result.recall, [2 / 3, 1 / 2, 0])
    np.testing.assert_array_equal(result.support, [3, 2, 0])
    assert result.micro_precision == pytest.approx(3 / 6)
    assert result.micro_recall == pytest.approx(3 / 5)
    assert result.micro_f1.value == pytest.approx(6 / 11)
    assert result.macro_f1.value == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert result.macro_precision == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert result.micro_f1.low < result.micro_f1.value < result.micro_f1.high


def test_multilabel_by_counting_one_pair_after_the_other():
    rng = np.random.default_rng(0)
    scores, labels = rng.random((50, 4)), rng.random((50, 4)) < 0.3
    thresholds = np.array([0.3, 0.5, 0.7, 0.99])
    counts = np.zeros((4, 3))
    for row, column in np.ndindex(50, 4):
        said, holds = scores[row, column] >= thresholds[column], labels[row, column]
        counts[column] += [said and holds, said and not holds, holds and not said]
    hit, wrong, missed = counts.T
    result = multilabel(scores, labels, threshold=thresholds)
    np.testing.assert_allclose(result.precision, hit / np.maximum(hit + wrong, 1))
    np.testing.assert_allclose(result.recall, hit / (hit + missed))
    np.testing.assert_allclose(result.f1, 2 * hit / (2 * hit + wrong + missed))
    assert result.micro_precision == pytest.approx(hit.sum() / (hit + wrong).sum())
    assert result.micro_recall == pytest.approx(hit.sum() / (hit + missed).sum())
    micro = 2 * hit.sum() / (2 * hit + wrong + missed).sum()
    assert result.micro_f1.value == pytest.approx(micro)
    assert result.macro_f1.value == pytest.approx((2 * hit / (2 * hit + wrong + missed)).mean())


def test_chance_is_what_a_blind_guesser_gets():
    rng = np.random.default_rng(1)
    labels = rng.random((20000, 3)) < [0.1, 0.3, 0.6]
    guesses = (rng.random((20000, 3)) < labels.mean(0)).astype(float)
    result = multilabel(guesses, labels)
    assert result.micro_f1.value == pytest.approx(result.chance_micro_f1, abs=0.01)
    assert result.macro_f1.value == pytest.approx(result.chance_macro_f1, abs=0.01)
    blind = multilabel(rng.random((20000, 3)), labels)
    np.testing.assert_allclose(blind.average_precision, labels.mean(0), atol=0.02)


def test_f1_falls_with_noise():
    rng = np.random.default_rng(2)
    labels = rng.random((500, 4)) < 0.4
    noise = rng.normal(size=labels.shape)
    values = [multilabel(labels + level * noise, labels).macro_f1.value for level in (0, 0.5, 1, 3)]
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"both be \[N, A\]"):
        multilabel(SCORES, LABELS[:2])
    with pytest.raises(ValueError, match="expected"):
        attribute_agreement(np.zeros((2, 6)), NAMES, [()])


def test_group_and_kind():
    assert group_of("circle colour:red") == "circle colour"
    assert group_of("time:12:30") == "time:12"
    assert kind_of("circle colour:red") == "colour"
    assert (group_of("red"), kind_of("red")) == ("", "")


def test_agreement_by_hand():
    scores = np.array(
        [
            [0.2, 0.9, 0.1, 0.6, 0.5, 1.0],
            [0.8, 0.9, 0.1, 0.4, 0.5, 1.0],
            [0.0, 0.0, 0.0, 0.9, 0.9, 1.0],
        ]
    )
    wanted = [
        ("circle colour:blue", "red shape:circle", "size:big"),
        ("circle colour:red", "never seen:value"),
        ("circle colour:red", "red shape:circle"),
    ]
    result = attribute_agreement(scores, NAMES, wanted)
    np.testing.assert_array_equal(result.correct, [2, 0, 0])
    np.testing.assert_array_equal(result.wanted, [2, 1, 2])
    assert result.estimate.value == 2 / 5
    assert result.parts == {"colour": 1 / 3, "shape": 1 / 2}
    assert result.chance == pytest.approx((3 * (1 / 3) + 2 * (1 / 2)) / 5)
    assert result.chance_parts == pytest.approx({"colour": 1 / 3, "shape": 1 / 2})
    assert (result.judged, result.pictures, result.unjudged) == (5, 3, 2)
    np.testing.assert_array_equal(result.pairs.rows, [0, 0, 1, 2, 2])
    assert result.pairs.kinds.tolist() == ["colour", "shape", "colour", "colour", "shape"]
    np.testing.assert_array_equal(result.pairs.right, [1, 1, 0, 0, 0])
    np.testing.assert_allclose(result.pairs.chance, [1 / 3, 1 / 2, 1 / 3, 1 / 3, 1 / 2])


def test_two_wanted_values_of_one_group():
    names = ["object:dog", "object:ball", "object:cat", "object:tree"]
    wanted = [("object:dog", "object:ball")]
    both = attribute_agreement(np.array([[0.9, 0.8, 0.1, 0.1]]), names, wanted)
    one = attribute_agreement(np.array([[0.9, 0.1, 0.8, 0.1]]), names, wanted)
    assert (both.estimate.value, one.estimate.value) == (1.0, 0.5)
    assert both.chance == 0.5


def test_random_scores_reach_chance_and_noise_lowers_agreement():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=3000)
    wanted = [(NAMES[colour],) for colour in truth]
    right = np.zeros((3000, 6))
    right[np.arange(3000), truth] = 1.0
    noise = rng.normal(size=right.shape)
    values = []
    for level in (0, 0.5, 1, 100):
        result = attribute_agreement(right + level * noise, NAMES, wanted)
        values.append(result.estimate.value)
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(result.chance, abs=0.03)
    shuffled = attribute_agreement(right, NAMES, [wanted[i] for i in rng.permutation(3000)])
    assert shuffled.estimate.value == pytest.approx(1 / 3, abs=0.03)


def test_nothing_to_judge_is_nan_not_success():
    result = attribute_agreement(np.zeros((2, 6)), NAMES, [("size:big",), ()])
    assert np.isnan(result.estimate.value)
    assert (result.judged, result.pictures) == (0, 0)


def test_what_is_right_throughout_is_not_certain():
    labels = np.random.default_rng(3).random((90, 4)) < 0.4
    found = multilabel(labels.astype(float), labels)
    for estimate in (found.micro_f1, found.macro_f1):
        assert estimate.value == estimate.high == 1.0
        assert 0.9 < estimate.low < 1.0
    assert np.isnan(multilabel(np.zeros((5, 2)), np.zeros((5, 2))).micro_f1.low)


def test_a_score_that_is_no_number_agrees_with_nothing():
    names = ("colour:red", "colour:blue", "colour:green")
    scores = np.array([[np.nan, 0.1, 0.2], [0.9, np.nan, 0.2], [np.nan] * 3])
    wanted = [("colour:red",)] * 3
    assert attribute_agreement(scores, names, wanted).estimate.value == 0.0
