import numpy as np
import pytest
from scipy.spatial.distance import pdist

from trainer.metrics.diversity import mean_distance, prompt_diversity


def test_mean_distance_equals_scipy(monkeypatch):
    features = np.random.default_rng(0).normal(5.0, 1.0, (70, 6))
    assert mean_distance(features) == pytest.approx(pdist(features).mean())
    monkeypatch.setattr("trainer.metrics.diversity._BLOCK", 32)
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
