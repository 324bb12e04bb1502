"""Conditioning augmentation against its formulas, by hand."""

import numpy as np
import pytest

from trainer.engine.precision import policy_scope
from trainer.models.two_stage import ConditioningAugmentation

TEXT = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], np.float32)


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def augment(request):
    """Means (t1, t2) and log variances (0, ln 4 t1), the same under both policies."""
    with policy_scope(request.param):
        layer = ConditioningAugmentation(2)
    layer(TEXT, np.zeros((3, 2), np.float32))
    layer.mean.kernel.assign(np.eye(2))
    layer.log_variance.kernel.assign([[0.0, np.log(4.0)], [0.0, 0.0]])
    return layer


def test_a_code_is_the_mean_and_a_deviation_times_the_draw(augment):
    draw = np.array([[1.0, -3.0], [0.5, 0.25], [7.0, 8.0]], np.float32)
    expected = [[1 + 1.0, 0 + 2 * -3.0], [0.5, 2 + 0.25], [7.0, 8.0]]
    np.testing.assert_allclose(augment(TEXT, draw), expected, rtol=1e-6)


def test_the_divergence_is_that_of_the_texts_gaussian(augment):
    """KL(N(m, s^2) || N(0, 1)) = (s^2 + m^2 - 1 - ln s^2) / 2 for each number."""
    expected = [0.5 * 1 + 0.5 * (4 - 1 - np.log(4)), 0.5 * 4, 0.0]
    divergence = augment.divergence(TEXT)
    assert divergence.dtype == "float32"
    np.testing.assert_allclose(divergence, expected, rtol=1e-6, atol=1e-7)


def test_the_variance_is_bounded(augment):
    _, log_variance = augment.moments(TEXT * 1000)
    assert np.max(log_variance) == 4.0
    _, log_variance = augment.moments(TEXT * -1000)
    assert np.min(log_variance) == -8.0
