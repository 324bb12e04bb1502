import numpy as np
import pytest

from trainer.metrics.distribution import inception_score


def _by_definition(p):
    marginal = p.mean(0)
    return np.exp(np.mean([(row * np.log(row / marginal)).sum() for row in p]))


def test_equals_the_definition():
    p = np.random.default_rng(0).dirichlet(np.full(7, 0.3), 90)
    found = inception_score(p)
    assert found.value == pytest.approx(_by_definition(p), rel=1e-9)
    assert found.low < found.value < found.high


def test_is_the_number_of_classes_that_are_sure_and_even_and_1_where_all_are_alike():
    sure = np.eye(5)[np.arange(100) % 5]
    assert inception_score(sure).value == pytest.approx(5.0)
    assert inception_score(sure[:1].repeat(100, 0)).value == pytest.approx(1.0)
    assert inception_score(np.full((100, 5), 0.2)).value == pytest.approx(1.0)
    kept = [inception_score(sure[np.arange(100) % 5 < modes]).value for modes in (5, 3, 1)]
    assert kept == pytest.approx([5.0, 3.0, 1.0])


@pytest.mark.parametrize("wrong", [np.ones((4, 3)), np.ones(4), np.array([[1.5, -0.5]])])
def test_what_are_no_probabilities_is_refused(wrong):
    with pytest.raises(ValueError, match="sum to 1"):
        inception_score(wrong)


def test_the_interval_lies_around_the_score_and_covers_the_mean_of_repeated_samples():
    """Resamples repeat pictures and score lower: their quantiles cover 13 %."""
    rng, values, ends = np.random.default_rng(1), [], []
    for number in range(100):
        found = inception_score(rng.dirichlet(np.full(50, 0.1), 100), seed=number, rounds=100)
        values.append(found.value)
        ends.append(found)
        assert found.low < found.value < found.high
    assert np.mean([one.low <= np.mean(values) <= one.high for one in ends]) >= 0.9
