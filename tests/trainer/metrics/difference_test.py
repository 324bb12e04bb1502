"""Differences between two systems, decided by the interval of the difference."""

import dataclasses

import numpy as np
import pytest

from trainer.metrics.difference import FROM_BOTH, PAIRED, UNKNOWN, difference
from trainer.metrics.intervals import bootstrap_mean
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
