"""Numerical derivatives, which know nothing of what they check."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def difference():
    """Returns a function: central differences of a scalar function of a float64 array."""

    def differences(function, values, step=1e-6):
        gradient = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            up, down = values.copy(), values.copy()
            up[place] += step
            down[place] -= step
            gradient[place] = (float(function(up)) - float(function(down))) / (2 * step)
        return gradient

    return differences
