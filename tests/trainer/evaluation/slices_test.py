"""Slices by hand: which there are, what they hold, and how sure they are."""

from types import SimpleNamespace

import numpy as np
import pytest

from trainer.evaluation.slices import FEWEST, Examples, slices, terciles
from trainer.metrics.intervals import bootstrap_mean, exact, share

EVIDENCE = SimpleNamespace(settings=SimpleNamespace(seed=3))


def made(n, **changes):
    values = np.arange(n, dtype=float)
    return Examples(**{"rows": np.arange(n), "value": values, **changes})


def test_a_slice_is_the_figure_of_its_examples_alone():
    n = 2 * FEWEST
    tags = ["en", "zh"] * FEWEST
    examples = made(
        n,
        chance=np.full(n, 0.5),
        ceiling=np.where(np.arange(n) == 11, np.nan, 7.0),
        baselines={"usual": np.arange(n) * 2.0, "never": np.full(n, np.nan)},
    )
    english, chinese = slices(EVIDENCE, "score", examples, {"language": tags}, "Scores of all")
    assert (english.name, chinese.name) == ("score@language=en", "score@language=zh")
    mine = np.arange(0, n, 2.0)
    expected = bootstrap_mean(mine, seed=3)
    assert (english.value, english.low, english.high) == pytest.approx(expected)
    assert (english.n, english.split, english.seed) == (FEWEST, "test", 3)
    assert (english.chance, english.ceiling) == (0.5, 7.0)
    assert english.baselines == {"usual": pytest.approx(2 * mine.mean())}
    assert english.protocol == f"Scores of all; only where language is en, {FEWEST} of them."
    assert chinese.value == english.value + 1
    # What is not known of every example is known of other ones than the value.
    assert chinese.ceiling is None


def test_examples_that_are_right_or_wrong_make_a_share():
    ones = made(FEWEST, value=np.ones(FEWEST))
    (found,) = slices(EVIDENCE, "a", ones, {"kind": ["x"] * FEWEST}, "A", share)
    assert (found.low, found.high) == exact(1.0, FEWEST)
    assert found.counts == ((1.0, 1.0),) * FEWEST


def test_small_slices_are_left_out():
    tags = ["en"] * FEWEST + ["zh"] * (FEWEST - 1) + [""] * FEWEST
    found = slices(EVIDENCE, "score", made(len(tags)), {"language": tags}, "Scores")
    assert [metric.name for metric in found] == ["score@language=en"]


def test_pictures_count_not_their_examples():
    n = 4 * FEWEST
    found = slices(EVIDENCE, "a", made(n, rows=np.arange(n) // 5), {"kind": ["x"] * n}, "A")
    assert found == []
    rows = np.arange(n) // 4
    (whole,) = slices(EVIDENCE, "a", made(n, rows=rows), {"kind": ["x"] * n}, "A")
    assert whole.n == FEWEST
    # Examples of one picture are alike here: taken apart they would seem four times as many.
    (apart,) = slices(EVIDENCE, "a", made(n), {"kind": ["x"] * n}, "A")
    assert whole.high - whole.low > 1.5 * (apart.high - apart.low)


def test_examples_that_do_not_count_are_left_out():
    values = np.where(np.arange(FEWEST + 5) < FEWEST, 1.0, np.nan)
    examples = made(FEWEST + 5, value=values)
    (found,) = slices(EVIDENCE, "a", examples, {"kind": ["x"] * (FEWEST + 5)}, "A")
    assert (found.value, found.n) == (1.0, FEWEST)


def test_terciles_are_of_each_language():
    lengths = [*range(9), *range(100, 109)]
    found = terciles(lengths, ["zh"] * 9 + ["en"] * 9)
    assert found == (["short"] * 3 + ["medium"] * 3 + ["long"] * 3) * 2


def test_equal_lengths_stay_together():
    assert terciles([5, 5, 5, 5, 8], ["en"] * 5) == ["short"] * 4 + ["long"]
    assert terciles([5, 5, 5], ["en"] * 3) == [""] * 3
    assert terciles([1, np.nan, 2, 3], ["en"] * 4) == ["short", "", "medium", "long"]
    assert terciles([], []) == []
