import numpy as np
import pytest
from scipy.spatial.distance import cdist

from trainer.metrics.diversity import memorisation, nearest_training


def _pictures(n, seed):
    return np.random.default_rng(seed).random((n, 48))


def test_distance_and_ratio_equal_scipy(monkeypatch):
    monkeypatch.setattr("trainer.metrics.distribution._DISTANCE_BLOCK", 16)
    pictures, training = _pictures(40, 0), _pictures(90, 1)
    distance = np.sort(cdist(pictures, training), 1)
    found = nearest_training(pictures, training, 7)
    np.testing.assert_allclose(found.distance, distance[:, 0])
    np.testing.assert_allclose(found.ratio, distance[:, 0] / distance[:, :7].mean(1))
    np.testing.assert_array_equal(found.row, cdist(pictures, training).argmin(1))


def test_the_most_suspicious_come_first():
    training = _pictures(300, 2)
    pictures = np.concatenate([_pictures(20, 0), training[5:6] + 0.01, training[7:8]])
    found = nearest_training(pictures, training)
    assert found.suspicious(3)[:2] == [21, 20]
    assert list(found.row[[21, 20]]) == [7, 5]
    assert found.distance[21] == 0.0
    assert found.distance[20] == pytest.approx(0.01 * np.sqrt(48))


def test_new_pictures_are_as_near_as_held_out_ones():
    result = memorisation(_pictures(500, 0), _pictures(500, 1), _pictures(400, 2))
    assert result.held_out_share == pytest.approx(0.05, abs=0.01)
    assert result.estimate.value == pytest.approx(0.05, abs=0.03)


def test_copies_are_found_and_counted():
    training, new = _pictures(400, 2), _pictures(300, 0)
    shares = []
    for copies in (0, 60, 150, 300):
        generated = np.concatenate([training[:copies], new[copies:]])
        result = memorisation(generated, _pictures(500, 1), training)
        shares.append(result.estimate.value)
    assert shares == sorted(shares)
    assert shares[2] == pytest.approx(0.5 + 0.5 * 0.05, abs=0.03)
    assert shares[-1] == 1.0
    assert (result.generated.row == np.arange(300)).all()
    assert result.generated.ratio.max() < 1e-6


def test_near_copies_are_found_and_average_pictures_are_not():
    training, held_out = _pictures(400, 2), _pictures(500, 1)
    noise = np.random.default_rng(5).normal(0, 0.02, (200, 48))
    assert memorisation(training[:200] + noise, held_out, training).estimate.value == 1.0
    average = training.mean(0) + noise
    assert memorisation(average, held_out, training).estimate.value == 0.0


def test_the_interval_covers_the_mean_share_of_repeated_samples():
    """With the threshold taken as known, 85 % of the intervals do."""
    rng, training, values, ends = np.random.default_rng(4), _pictures(60, 2), [], []
    for number in range(300):
        found = memorisation(
            rng.random((150, 48)), rng.random((150, 48)), training, seed=number,
            rounds=60 * (number < 150),
        )  # fmt: skip
        values.append(found.estimate.value)
        ends += [found.estimate] if number < 150 else []
    inside = np.mean([one.low <= np.mean(values) <= one.high for one in ends])
    assert inside >= 0.9


def test_pictures_that_are_no_numbers_are_no_originals():
    broken = _pictures(20, 0)
    broken[3, 5] = np.nan
    for place in range(3):
        sets = [_pictures(20, 1), _pictures(20, 2), _pictures(60, 3)]
        sets[place] = broken
        with pytest.raises(ValueError, match="NaN"):
            memorisation(*sets)
