import numpy as np
import pytest
from scipy.spatial.distance import pdist

from trainer.metrics.diversity import duplicates, mean_distance, prompt_diversity


def test_mean_distance_equals_scipy(monkeypatch):
    features = np.random.default_rng(0).normal(5.0, 1.0, (70, 6))
    assert mean_distance(features) == pytest.approx(pdist(features).mean())
    monkeypatch.setattr("trainer.metrics.distribution._DISTANCE_BLOCK", 32)
    assert mean_distance(features) == pytest.approx(pdist(features).mean())
    assert np.isnan(mean_distance(features[:1]))


def test_diversity_grows_with_the_spread_within_a_prompt():
    rng = np.random.default_rng(1)
    real = rng.normal(size=(400, 8))
    noise = rng.normal(size=(40, 6, 8))
    prompts = rng.normal(size=(40, 1, 8))
    values = [prompt_diversity(prompts + spread * noise, real) for spread in (0, 0.2, 0.5, 1)]
    assert [value.value for value in values] == sorted(value.value for value in values)
    assert values[0].value == pytest.approx(0, abs=1e-6)
    assert values[-1].value == pytest.approx(1, abs=0.05)
    assert values[1].low < values[1].value < values[1].high


def test_duplicates_are_counted_whatever_they_show():
    rng = np.random.default_rng(0)
    real, new = rng.random((600, 48)), rng.random((300, 48))
    shares = []
    for copies in (0, 60, 150, 300):
        fake = np.concatenate([np.repeat(new[:1], copies, 0), new[copies:]])
        shares.append(duplicates(fake, real).estimate.value)
    assert shares == sorted(shares)
    assert shares[0] < 0.12
    assert 0.5 <= shares[2] < 0.6
    assert shares[-1] == 1.0
    near = np.concatenate([new, new + rng.normal(0, 1e-3, new.shape)])
    assert duplicates(near, real).estimate.value == 1.0


def test_real_pictures_are_duplicates_of_each_other_as_seldom_as_the_level_says():
    rng = np.random.default_rng(1)
    found = duplicates(rng.random((300, 48)), rng.random((500, 48)))
    assert found.real == pytest.approx(0.05, abs=0.01)
    assert found.estimate.low <= found.estimate.value <= found.estimate.high


def test_equal_pictures_are_duplicates_even_where_real_ones_are_too():
    same = np.repeat(np.random.default_rng(2).random((60, 128)), 8, 0)
    assert duplicates(same, np.ones((480, 128))).estimate.value == 1.0


def test_more_generated_pictures_than_real_ones_are_no_more_alike():
    rng = np.random.default_rng(3)
    real, fake = rng.random((200, 3)), rng.random((4000, 3))
    assert duplicates(fake, real).estimate.value < 0.15
    assert duplicates(real, fake).estimate.value < 0.15


@pytest.mark.parametrize("broken", [0, 1])
def test_features_that_are_no_numbers_have_no_duplicates_to_count(broken):
    sets = [np.random.default_rng(seed).normal(size=(20, 4)) for seed in range(2)]
    sets[broken][7, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        duplicates(*sets)


def test_the_interval_covers_the_mean_share_of_repeated_samples():
    rng, values, ends = np.random.default_rng(4), [], []
    for number in range(240):
        found = duplicates(
            rng.normal(0, 0.7, (100, 6)), rng.normal(size=(100, 6)), seed=number,
            rounds=30 * (number < 80),
        )  # fmt: skip
        values.append(found.estimate.value)
        ends += [found.estimate] if number < 80 else []
    inside = np.mean([one.low <= np.mean(values) <= one.high for one in ends])
    assert 0.2 < np.mean(values) < 0.8
    assert inside >= 0.9
