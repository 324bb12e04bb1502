import numpy as np
import pytest

from trainer.metrics.intervals import around, bootstrap, bootstrap_mean, bootstrap_ratio, resamples


def test_resamples_draw_n_each_time_and_repeat_by_seed():
    blocks = np.concatenate(list(resamples(50, 200, seed=1)))
    assert blocks.shape == (200, 50)
    assert (blocks.sum(1) == 50).all()
    np.testing.assert_allclose(blocks.mean(), 1.0)
    np.testing.assert_allclose(blocks.var(), 1 - 1 / 50, rtol=0.1)
    np.testing.assert_array_equal(blocks, np.concatenate(list(resamples(50, 200, seed=1))))
    assert (blocks != np.concatenate(list(resamples(50, 200, seed=2)))).any()


def test_interval_of_a_mean_is_that_of_the_normal_theory():
    values = np.random.default_rng(0).normal(3.0, 2.0, 2000)
    estimate = bootstrap_mean(values, seed=0, rounds=4000)
    margin = 1.96 * values.std() / np.sqrt(len(values))
    np.testing.assert_allclose(estimate.value, np.mean(values))
    np.testing.assert_allclose(estimate.high - estimate.value, margin, rtol=0.1)
    np.testing.assert_allclose(estimate.value - estimate.low, margin, rtol=0.1)


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(200):
        _, low, high = bootstrap_mean(rng.random(100), seed=trial, rounds=400)
        covered += low <= 0.5 <= high
    assert 0.90 <= covered / 200 <= 0.99


def test_ratio_resamples_pictures_not_pairs():
    correct, judged = np.array([3.0, 0.0, 1.0]), np.array([3.0, 0.0, 4.0])
    estimate = bootstrap_ratio(correct, judged, seed=0)
    assert estimate.value == 4 / 7
    assert estimate.low == 0.25
    assert estimate.high == 1.0


def test_a_constant_has_no_width_and_nothing_has_no_value():
    assert bootstrap_mean(np.full(7, 0.25), seed=0) == (0.25, 0.25, 0.25)
    assert np.isnan(bootstrap(np.zeros((0, 2)), lambda sums: sums[..., 0], seed=0)).all()


def test_around_takes_the_spread_of_resamples_and_not_their_place():
    drawn = np.array([10.0, 11.0, 12.0])
    assert around(5.0, drawn) == pytest.approx((5.0, 5 - 1.96, 5 + 1.96))
    assert around(0.5, drawn, least=0.0, most=1.0) == (0.5, 0.0, 1.0)
    assert np.isnan(around(1.0, np.zeros(0)).low)


def test_draws_are_kept_and_equal_seeds_resample_the_same_rows():
    rng = np.random.default_rng(1)
    one, noise = rng.random(60), rng.normal(0, 1e-3, 60)
    first, second = bootstrap_mean(one, seed=4), bootstrap_mean(one + noise, seed=4)
    assert len(first.draws) == 1000
    np.testing.assert_allclose(np.quantile(first.draws, [0.025, 0.975]), first[1:])
    assert np.std(second.draws - first.draws) < 0.01 * np.std(first.draws)
    assert np.std(bootstrap_mean(one, seed=5).draws - first.draws) > np.std(first.draws)
