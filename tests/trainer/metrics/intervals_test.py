import numpy as np
import pytest
from scipy import stats
from scipy.stats import binomtest

from trainer.metrics.intervals import (
    Share,
    around,
    bootstrap,
    bootstrap_mean,
    bootstrap_ratio,
    bounded,
    exact,
    jackknife,
    mean_of_few,
    resamples,
    share,
    unless_certain,
)


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


def test_exact_ends_are_those_of_scipy_and_of_the_textbook():
    for right, n in ((0, 1000), (200, 200), (196, 200), (81, 263), (1, 29)):
        ends = binomtest(right, n).proportion_ci(method="exact")
        assert exact(right / n, n) == pytest.approx((ends.low, ends.high))
    # Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I.
    assert exact(81 / 263, 263) == pytest.approx((0.2527, 0.3676), abs=5e-5)
    assert exact(1 / 29, 29) == pytest.approx((0.0009, 0.1776), abs=5e-5)


def test_a_share_of_right_and_wrong_pictures_has_exact_ends():
    found = share(np.repeat([1.0, 0.0], [196, 4]), seed=0)
    assert isinstance(found, Share)
    assert found == pytest.approx((0.98, *exact(0.98, 200)))
    assert share(np.zeros(1000), seed=0) == (0.0, 0.0, exact(0.0, 1000)[1])
    judged = np.array([3.0, 0.0, 2.0])
    # Of things that go together only the pictures count, and of pictures those with things.
    assert share(judged, judged, seed=0) == (1.0, exact(1.0, 2)[0], 1.0)
    assert np.isnan(share(np.zeros(3), np.zeros(3), seed=0)).all()
    assert np.isnan(share(np.zeros(0), seed=0)).all()


def test_a_share_rounded_to_all_is_all():
    found = share(np.ones(50) - 1e-13 * np.arange(50), seed=0)
    assert found.low == pytest.approx(exact(1.0, 50)[0])


def coverage(truth, drawn):
    """Share of N runs whose interval holds `truth`; runs are functions of a seed."""
    return np.mean([low <= truth <= high for _, low, high in drawn])


@pytest.mark.parametrize(
    ("truth", "n"), [(0.02, 50), (0.99, 50), (0.99, 200), (0.002, 1000), (0.5, 50), (0.9, 300)]
)
def test_the_interval_of_a_share_covers_it(truth, n):
    """Percentile ends of resamples cover 40 % of the shares 0.99 of 50, and 87 % of 0.002."""
    rng = np.random.default_rng(8)
    drawn = [share(rng.random(n) < truth, seed=0, rounds=0) for _ in range(2000)]
    assert coverage(truth, drawn) >= 0.94


@pytest.mark.parametrize(("truth", "n"), [(0.97, 60), (0.8, 60), (0.99, 300)])
def test_the_interval_of_a_share_of_things_that_go_together_covers_it(truth, n):
    """Each picture has 1 to 5 things; half of the pictures are right or wrong as a whole."""
    rng, drawn = np.random.default_rng(9), []
    for _ in range(1000):
        judged = rng.integers(1, 6, n)
        whole = rng.random(n) < 0.5
        hits = np.where(whole, judged * (rng.random(n) < truth), rng.binomial(judged, truth))
        drawn.append(share(hits, judged, seed=0, rounds=0))
    assert 0.91 <= coverage(truth, drawn) <= 0.99


def test_what_varies_less_than_a_share_has_narrower_ends():
    wide, narrow = bounded(0.9, 0.09 / 100, 100), bounded(0.9, 0.09 / 400, 100)
    assert wide == pytest.approx((0.9, *exact(0.9, 100)))
    assert narrow == pytest.approx((0.9, *exact(0.9, 400)))
    assert np.isnan(bounded(0.9, np.nan, 100).low)
    assert np.isnan(bounded(np.nan, 0.1, 100)).all()


def test_a_figure_that_is_certain_in_every_resample_is_not_certain():
    ones = bootstrap_mean(np.ones(80), seed=0)
    assert unless_certain(ones, 80) == (1.0, exact(1.0, 80)[0], 1.0)
    assert len(unless_certain(ones, 80).draws) == len(ones.draws)
    others = bootstrap_mean(np.arange(80) / 80, seed=0)
    assert unless_certain(others, 80) is others


def test_parts_of_the_pictures_tell_the_variance_of_a_mean():
    values = np.random.default_rng(0).normal(0, 3, 400)
    for n in (60, 400):
        found = jackknife(
            lambda rows: [rows.mean(), 2 * rows.mean()], values[:n], least=2, seed=0, rounds=3000
        )
        theory = values[:n].var(ddof=1) / n
        assert found == pytest.approx([theory, 4 * theory], rel=0.1)


def test_parts_of_large_sets_stay_small(monkeypatch):
    monkeypatch.setattr("trainer.metrics.intervals._LARGEST_PART", 30)
    values, seen = np.random.default_rng(0).normal(0, 3, 400), []

    def mean(rows):
        seen.append(len(rows))
        return [rows.mean()]

    found = jackknife(mean, values, least=2, seed=0, rounds=3000)
    assert set(seen) == {30}
    assert found == pytest.approx([values.var(ddof=1) / 400], rel=0.1)
    assert np.isnan(jackknife(mean, values, least=31, seed=0, rounds=9)).all()


def test_the_interval_of_a_mean_of_few_is_students():
    values = np.random.default_rng(0).normal(0, 1, 8)
    found = mean_of_few(values, seed=0, rounds=20_000)
    margin = stats.t.ppf(0.975, 7) * values.std(ddof=1) / np.sqrt(8)
    assert (found.high - found.low) / 2 == pytest.approx(margin, rel=0.1)
    assert len(found.draws) == 20_000
    assert np.isnan(mean_of_few(values[:1], seed=0).low)


def test_the_interval_of_a_mean_of_few_covers_it():
    """Percentile ends cover 88 % of means of 8."""
    rng = np.random.default_rng(3)
    drawn = [mean_of_few(rng.normal(0, 1, 8), seed=seed, rounds=200) for seed in range(500)]
    assert coverage(0.0, drawn) >= 0.92
