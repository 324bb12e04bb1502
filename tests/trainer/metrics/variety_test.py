"""Figures of variety by hand, and what moves them."""

from itertools import pairwise

import numpy as np
import pytest

from trainer.metrics import captions as variety

CAPTIONS = [one.split() for one in ("a red dog", "a red dog", "a cat", "")]


def test_distinct_n_grams_by_hand():
    assert variety.distinct(CAPTIONS, 1).value == pytest.approx(4 / 8)
    assert variety.distinct(CAPTIONS, 2).value == pytest.approx(3 / 5)
    assert variety.distinct(CAPTIONS, 4).value == 0.0


def test_distinct_captions_by_hand():
    assert variety.distinct_captions(CAPTIONS).value == 3 / 4
    assert variety.distinct_captions([["a"]] * 50).value == 1 / 50


def test_vocabulary_used_by_hand():
    known = {"a", "red", "dog", "blue", "two"}
    assert variety.vocabulary_used(CAPTIONS, known).value == pytest.approx(3 / 5)
    assert np.isnan(variety.vocabulary_used(CAPTIONS, ()).value)


def test_novel_captions_are_those_nobody_wrote():
    training = [("a", "red", "dog"), ["a", "blue", "cat"]]
    np.testing.assert_array_equal(variety.novel(CAPTIONS, training), [0, 0, 1, 1])


def test_repeated_runs():
    captions = [one.split() for one in ("a dog and a dog", "a dog and a cat", "b b b", "")]
    np.testing.assert_array_equal(variety.repeats(captions, 1), [1, 1, 1, 0])
    np.testing.assert_array_equal(variety.repeats(captions, 2), [1, 0, 1, 0])
    np.testing.assert_array_equal(variety.repeats(captions, 3), [0, 0, 0, 0])


def test_lengths():
    np.testing.assert_array_equal(variety.lengths(CAPTIONS), [3, 3, 2, 0])


@pytest.mark.parametrize(
    "measure",
    [
        lambda captions: variety.distinct(captions, 1),
        lambda captions: variety.distinct(captions, 2),
        variety.distinct_captions,
        lambda captions: variety.vocabulary_used(captions, [f"w{i}" for i in range(60)]),
    ],
)
def test_fewer_different_captions_lower_every_figure_and_leave_the_interval(measure):
    rng = np.random.default_rng(0)
    captions = [[f"w{i}" for i in rng.integers(60, size=6)] for _ in range(200)]
    found = [measure([captions[row % kinds] for row in range(200)]) for kinds in (200, 40, 4, 1)]
    values = [estimate.value for estimate in found]
    assert values == sorted(values, reverse=True)
    for more, fewer in pairwise(found):
        assert fewer.high < more.low
        assert 0 <= more.low <= more.value <= more.high <= 1


def test_the_interval_covers_what_other_captions_of_the_same_kind_give():
    rng = np.random.default_rng(1)
    chances = 1 / np.arange(1, 301)

    def draw():
        return rng.choice(300, (150, 6), p=chances / chances.sum()).tolist()

    others = [variety.distinct(draw(), 1, rounds=0).value for _ in range(100)]
    found = [variety.distinct(draw(), 1, seed=seed) for seed in range(40)]
    inside = np.mean([one.low <= np.mean(others) <= one.high for one in found])
    assert inside >= 0.85
    assert np.mean([one.high - one.low for one in found]) < 8 * np.std(others)


def test_the_interval_is_as_wide_as_captions_drawn_again_spread():
    rng = np.random.default_rng(2)
    captions = [[f"w{i}" for i in rng.zipf(1.5, 6) % 50] for _ in range(80)]
    drawn = []
    for _ in range(2000):
        again = [captions[row] for row in rng.integers(80, size=80)]
        drawn.append(len({token for caption in again for token in caption}) / (80 * 6))
    found = variety.distinct(captions, 1, rounds=2000)
    assert found.high - found.value == pytest.approx(1.96 * np.std(drawn), rel=0.1)


def test_equal_seeds_give_equal_intervals():
    assert variety.distinct(CAPTIONS, 1, seed=3) == variety.distinct(CAPTIONS, 1, seed=3)
    assert variety.distinct(CAPTIONS, 1, seed=3) != variety.distinct(CAPTIONS, 1, seed=4)
    assert np.isnan(variety.distinct(CAPTIONS, 1, rounds=0).low)


def test_the_interval_of_the_vocabulary_covers_the_mean_of_repeated_samples():
    """Bootstrap standard deviations cover 85 %."""
    rng, values, ends = np.random.default_rng(5), [], []
    odds = 1 / np.arange(1, 201)
    for number in range(150):
        words = rng.choice(200, (80, 6), p=odds / odds.sum())
        found = variety.vocabulary_used(words.tolist(), range(200), seed=number, rounds=40)
        values.append(found.value)
        ends.append(found)
    assert 0.5 < np.mean(values) < 0.8
    assert np.mean([one.low <= np.mean(values) <= one.high for one in ends]) >= 0.9
