import numpy as np
import pytest

from trainer.metrics import distribution
from trainer.metrics.distribution import cover
from trainer.metrics.intervals import exact

# All by pairs, in plain loops of N x N, as the papers write it.


def _distance(x, y):
    return np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))


def _radii(features, k):
    return np.sort(_distance(features, features), 1)[:, k]


def _by_pairs(real, fake, k, wide):
    between = _distance(fake, real)
    inside = between <= _radii(real, wide)[None]
    return {
        "precision": (between <= _radii(real, k)[None]).any(1).mean(),
        "recall": (between <= _radii(fake, k)[:, None]).any(0).mean(),
        "density": inside.sum() / wide / len(fake),
        "coverage": inside.any(0).mean(),
    }


def _sets(n, m, shift=0.4, d=5):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)), shift + rng.normal(size=(m, d))


@pytest.mark.parametrize(("n", "m"), [(120, 120), (150, 70), (40, 130)])
@pytest.mark.parametrize(("k", "wide"), [(3, 5), (1, 2), (5, 3)])
def test_equals_all_pairs_in_blocks_of_any_size(monkeypatch, n, m, k, wide):
    real, fake = _sets(n, m)
    expected = _by_pairs(real, fake, k, wide)
    for block in (1024, 32):
        monkeypatch.setattr(distribution, "_DISTANCE_BLOCK", block)
        found = cover(real, fake, precision_k=k, density_k=wide).values()
        assert found == pytest.approx(expected, rel=1e-12)
    assert all(0.05 < expected[name] < 1.0 for name in ("precision", "recall"))


def test_a_set_covers_itself_wherever_it_lies():
    real, _ = _sets(200, 2)
    for features in (real, real + 1e4, np.repeat(real, 8, 0)):
        found = cover(features, features).values()
        assert found["precision"] == found["recall"] == found["coverage"] == 1.0
        assert found["density"] >= 1.0


def test_copies_are_within_each_others_reach_though_distances_are_rounded():
    pictures, _ = _sets(60, 2, d=128)
    found = cover(np.repeat(pictures, 8, 0), np.repeat(pictures, 8, 0)[40:408]).values()
    assert found["recall"] == found["coverage"] == pytest.approx(46 / 60)
    assert found["precision"] == 1.0


def test_sets_far_apart_cover_nothing():
    found = cover(*_sets(100, 100, shift=50.0)).values()
    assert found == dict.fromkeys(("precision", "recall", "density", "coverage"), 0.0)


def test_one_good_picture_again_and_again_is_precise_and_recalls_nothing():
    real, fake = _sets(300, 300, shift=0.0)
    same = np.repeat(fake[:1] * 0.1, 300, 0)
    alone, varied = cover(real, same).values(), cover(real, fake).values()
    assert alone["precision"] == 1.0
    assert alone["recall"] == 0.0
    assert alone["coverage"] < 0.2
    assert varied["coverage"] > 0.8
    assert varied["recall"] > 0.8


def test_intervals_hold_the_values_and_shrink_with_more_pictures():
    spans = []
    for n in (60, 600):
        found = cover(*_sets(n, n))
        for name, estimate in found.estimates().items():
            assert estimate.value == pytest.approx(found.values()[name])
            assert estimate.low <= estimate.value <= estimate.high
        precision = found.estimates()["precision"]
        spans.append(precision.high - precision.low)
    assert spans[1] < 0.5 * spans[0]


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="6 pictures or more"):
        cover(*_sets(5, 50))


@pytest.mark.parametrize("far", [1e5, 1e7, 1e9])
def test_a_picture_far_away_makes_no_other_ball_wider(far):
    real, fake = _sets(60, 60, shift=0.0, d=8)
    outlier = np.full((1, 8), far)
    for sets in ((np.concatenate([real, outlier]), fake), (real, np.concatenate([fake, outlier]))):
        assert cover(*sets).values() == pytest.approx(_by_pairs(*sets, 3, 5))


@pytest.mark.parametrize(("n", "d"), [(60, 4), (60, 32)])
def test_intervals_cover_the_mean_of_repeated_samples(n, d):
    """With the balls kept as they are, 19 to 87 % of the intervals do."""
    rng, values, ends = np.random.default_rng(0), [], []
    for number in range(200):
        real, fake = rng.normal(size=(n, d)), rng.normal(0.1, 0.9, (n, d))
        found = cover(real, fake)
        values.append(found.values())
        ends += [found.estimates(seed=number, rounds=30)] if number < 100 else []
    for name in values[0]:
        truth = np.mean([one[name] for one in values])
        inside = np.mean([one[name].low <= truth <= one[name].high for one in ends])
        assert inside >= 0.9, (name, inside)


def test_without_parts_large_enough_there_are_no_ends():
    found = cover(*_sets(7, 50)).estimates()
    assert all(np.isnan([one.low, one.high]).all() for one in found.values())
    assert all(np.isfinite(one.low) for one in cover(*_sets(12, 50)).estimates().values())
    apart = cover(*_sets(100, 100, shift=50.0)).estimates()
    assert apart["precision"] == (0.0, *exact(0.0, 100))
    assert np.isnan(apart["density"].high)
