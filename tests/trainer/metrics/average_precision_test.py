import numpy as np
import pytest

from trainer.metrics.recognition import (
    average_precision,
    macro_average_precision,
    micro_average_precision,
)


def brute_force(scores, truth):
    """The definition, threshold by threshold."""
    total = recall = 0.0
    for threshold in sorted(set(scores), reverse=True):
        said = scores >= threshold
        now = (said & truth).sum() / truth.sum()
        total += (now - recall) * (said & truth).sum() / said.sum()
        recall = now
    return total


@pytest.fixture
def judged():
    rng = np.random.default_rng(0)
    labels = rng.random((40, 5)) < 0.3
    labels[:, 4] = False
    return rng.integers(0, 6, (40, 5)) / 6, labels


def test_each_label_by_brute_force(judged):
    scores, labels = judged
    expected = [brute_force(scores[:, place], labels[:, place]) for place in range(4)]
    np.testing.assert_allclose(average_precision(scores, labels)[:4], expected)
    assert np.isnan(average_precision(scores, labels)[4])


def test_without_labels_there_is_nothing_to_rank():
    assert average_precision(np.zeros((5, 0)), np.zeros((5, 0))).shape == (0,)


def test_macro_is_the_mean_of_labels_that_are_carried(judged):
    found = macro_average_precision(*judged)
    assert found.value == pytest.approx(np.nanmean(average_precision(*judged)))
    assert found.low < found.value < found.high
    scores, labels = judged
    assert np.isnan(macro_average_precision(scores, np.zeros_like(labels)).value)


def test_micro_is_one_ranking_of_all_pairs(judged):
    scores, labels = judged
    found = micro_average_precision(scores, labels)
    assert found.value == pytest.approx(brute_force(scores.ravel(), labels.ravel()))
    assert found.low < found.value < found.high


def test_the_micro_interval_is_that_of_pictures_drawn_again(judged):
    scores, labels = judged
    # Some pictures are judged well throughout and others badly: pairs are not independent.
    scores = np.where(np.arange(40)[:, None] < 20, labels, ~labels) + 0.1 * scores
    rng, drawn = np.random.default_rng(5), []
    for _ in range(1000):
        rows = rng.integers(len(scores), size=len(scores))
        drawn.append(micro_average_precision(scores[rows], labels[rows], rounds=0).value)
    found = micro_average_precision(scores, labels, rounds=2000)
    np.testing.assert_allclose(found[1:], np.nanquantile(drawn, [0.025, 0.975]), atol=0.03)
    assert np.isnan(micro_average_precision(scores, labels, rounds=0).low)


def test_the_macro_interval_covers_the_figure_of_rare_labels():
    """Resamples repeat the few positives and rank them higher: their quantiles cover 81 %."""
    rng, values, ends = np.random.default_rng(0), [], []
    for number in range(150):
        labels = rng.random((300, 40)) < 0.03
        scores = rng.normal(size=labels.shape) + 1.5 * labels
        found = macro_average_precision(scores, labels, rounds=100 * (number < 60))
        values.append(found.value)
        ends += [found[1:]] if number < 60 else []
    inside = [low <= np.mean(values) <= high for low, high in ends]
    assert np.mean(inside) > 0.88


@pytest.mark.parametrize("measure", [macro_average_precision, micro_average_precision])
def test_a_score_that_is_no_number_has_no_place(measure, judged):
    scores, labels = judged
    scores[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        measure(scores, labels)


def test_noise_lowers_it_to_the_frequency():
    rng = np.random.default_rng(2)
    labels = rng.random((3000, 4)) < [0.1, 0.3, 0.5, 0.7]
    noise = rng.normal(size=labels.shape)
    found = [macro_average_precision(labels + k * noise, labels, rounds=0) for k in (0, 0.5, 2, 99)]
    values = [one.value for one in found]
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(labels.mean(), abs=0.03)
