"""Differences between two systems, decided by the interval of the difference."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import binomtest

from trainer.metrics.intervals import (
    FROM_BOTH,
    PAIRED,
    UNKNOWN,
    bootstrap_mean,
    difference,
    share,
    sign_test,
)
from trainer.metrics.result import Metric


def metric(value, low=None, high=None, higher=True, **changes):
    made = Metric("a", value, low, high, 100, "test", 0, None, None, higher, "A protocol.")
    return dataclasses.replace(made, **changes)


def of(values, seed=0):
    found = bootstrap_mean(values, seed=seed)
    return metric(*found, n=len(values), draws=tuple(found.draws.tolist()))


@pytest.fixture(scope="module")
def systems():
    """Scores of two systems on the same pictures: hard pictures are hard for both."""
    rng = np.random.default_rng(3)
    hardness = rng.normal(0, 1, 400)
    before = hardness + rng.normal(0, 0.05, 400)
    return before, hardness + 0.03 + rng.normal(0, 0.05, 400)


def test_on_the_same_pictures_a_small_difference_is_seen_that_both_intervals_hide(systems):
    before, now = (of(values) for values in systems)
    paired = difference(now, before)
    assert paired.how == PAIRED
    assert paired.beyond_noise
    assert paired.low < paired.change < paired.high
    theory = 1.96 * np.std(systems[1] - systems[0]) / 20
    assert (paired.high - paired.low) / 2 == pytest.approx(theory, rel=0.15)
    apart = difference(dataclasses.replace(now, draws=()), before)
    assert apart.how == FROM_BOTH
    assert not apart.beyond_noise
    assert apart.change == paired.change


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"n": 99}, {"split": "val"}, {"name": "b"}, {"extractor": "x:1"}]
)
def test_other_resamples_are_not_paired(systems, change):
    before, now = (of(values) for values in systems)
    assert difference(dataclasses.replace(now, **change), before).how == FROM_BOTH


def test_the_facing_halves_count_from_both_intervals():
    found = difference(metric(0.5, 0.2, 0.54), metric(0.6, 0.57, 0.9))
    assert found.change == pytest.approx(-0.1)
    assert found.high == pytest.approx(-0.1 + np.hypot(0.04, 0.03))
    assert found.low == pytest.approx(-0.1 - np.hypot(0.3, 0.3))
    assert found.beyond_noise


def test_an_interval_of_one_side_counts_alone():
    found = difference(metric(0.5), metric(0.6, 0.45, 0.7))
    assert (found.low, found.high) == (pytest.approx(-0.2), pytest.approx(0.05))
    assert found.how == FROM_BOTH
    assert not found.beyond_noise


def test_without_intervals_any_change_counts():
    found = difference(metric(0.5), metric(0.6))
    assert (found.low, found.high, found.how) == (None, None, UNKNOWN)
    assert found.beyond_noise
    assert not difference(metric(0.5), metric(0.5)).beyond_noise


@pytest.mark.parametrize(("higher", "worse"), [(True, 0.1), (False, -0.1)])
def test_what_is_worse_follows_the_direction_of_improvement(higher, worse):
    found = difference(metric(0.5, higher=higher), metric(0.6, higher=higher))
    assert found.worse == pytest.approx(worse)


def of_share(hits, judged=None):
    found = share(hits, judged, seed=0, rounds=50)
    counts = tuple(map(tuple, found.counts.tolist()))
    return metric(*found, n=len(hits), draws=tuple(found.draws.tolist()), counts=counts)


def wrong(count, n=200):
    return np.repeat([0.0, 1.0], [count, n - count])


@pytest.mark.parametrize(("count", "beyond"), [(1, False), (4, False), (5, False), (6, True)])
def test_some_wrong_of_200_that_were_right_are_noise_as_long_as_mcnemar_says(count, beyond):
    found = difference(of_share(wrong(count)), of_share(wrong(0)))
    assert found.how == PAIRED
    assert found.beyond_noise is beyond
    assert bool(binomtest(0, count).pvalue < 0.05) is beyond
    assert found.low < found.change <= found.high


def test_many_pictures_that_change_sides_are_told_as_newcombe_tells_them():
    # 36 right in both, 6 before alone, 2 now alone, 6 in neither.
    now, before = (
        np.repeat(sides, [36, 6, 2, 6]).astype(float) for sides in ([1, 0, 1, 0], [1, 1, 0, 0])
    )
    found = difference(of_share(now), of_share(before))
    assert found.change == pytest.approx(-4 / 50)
    assert found.low < -0.15 and 0 < found.high < 0.06
    assert not found.beyond_noise


def test_the_exact_test_is_that_of_mcnemar():
    for worse, better in ((4, 0), (9, 1), (30, 14), (3, 3), (0, 0)):
        changes = np.repeat([-1.0, 1.0, 0.0], [worse, better, 50])
        expected = binomtest(worse, worse + better).pvalue if worse + better else 1.0
        assert sign_test(changes) == pytest.approx(expected)


def test_the_exact_test_of_other_changes_is_that_of_all_signs():
    rng = np.random.default_rng(0)
    for changes in (rng.normal(0.4, 1, 9), rng.integers(-3, 5, 10).astype(float)):
        signs = np.array(np.meshgrid(*[[-1, 1]] * len(changes))).reshape(len(changes), -1)
        sums = np.abs(np.abs(changes) @ signs)
        expected = (sums >= abs(changes.sum()) - 1e-9).mean()
        assert sign_test(changes) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("truth", [0.6, 0.95, 0.99])
def test_equal_systems_seldom_differ_and_unequal_ones_are_covered(truth):
    """Pictures have 1 to 3 things; both systems agree on most. Unpaired shares of bootstrap draws
    call 11 % of equal systems with 99 % different."""
    rng, alarms, inside, runs = np.random.default_rng(2), 0, 0, 250
    for _ in range(runs):
        judged = rng.integers(1, 4, 150)
        common = rng.random(150) < 0.6
        shared = rng.binomial(judged, truth)
        one, two, worse = (
            np.where(common, shared, rng.binomial(judged, share)).astype(float)
            for share in (truth, truth, truth - 0.1)
        )
        alarms += difference(of_share(one, judged), of_share(two, judged)).beyond_noise
        found = difference(of_share(worse, judged), of_share(one, judged))
        inside += found.low <= -0.04 <= found.high
    assert alarms / runs <= 0.075
    assert inside / runs >= 0.91


def test_a_figure_without_a_better_direction_moves_either_way():
    for value in (0.4, 0.6):
        found = difference(metric(value, higher=None), metric(0.5, higher=None))
        assert found.worse == pytest.approx(0.1)
        assert found.higher_is_better is None
