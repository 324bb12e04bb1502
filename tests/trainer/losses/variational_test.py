"""The evidence lower bound against the definitions of its halves."""

import numpy as np
import pytest
from scipy import integrate, stats

from trainer.losses.variational import gaussian_kl, gaussian_reconstruction


def test_reconstruction_is_the_gaussian_log_density_but_for_its_constant():
    rng = np.random.default_rng(0)
    painted, wanted = rng.normal(size=(2, 3, 4, 4, 3))
    density = stats.norm(painted, 0.25).logpdf(wanted).sum(axis=(1, 2, 3))
    constant = 48 * stats.norm(0, 0.25).logpdf(0)
    found = gaussian_reconstruction(painted, wanted, 0.25)
    np.testing.assert_allclose(found, constant - density, rtol=1e-6)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (1.5, 0.3), (-0.7, 2.0)])
def test_kl_is_the_integral(mean, deviation):
    q = stats.norm(mean, deviation)

    def integrand(z):
        return q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z))

    expected, _ = integrate.quad(integrand, mean - 12 * deviation, mean + 12 * deviation)
    found = gaussian_kl(np.array([[mean, 0.0]]), np.array([[2 * np.log(deviation), 0.0]]))
    np.testing.assert_allclose(found, [expected], atol=1e-7)


def test_free_bits_are_the_least_that_a_dimension_counts():
    mean = np.array([[2.0, 0.1, 0.0], [0.0, 0.0, 3.0]], np.float32)
    log_variance = np.zeros((2, 3), np.float32)
    # With a variance of 1 a dimension costs mean^2 / 2: 2, 0.005, 0; 0, 0, 4.5.
    np.testing.assert_allclose(gaussian_kl(mean, log_variance), [2.005, 4.5], rtol=1e-6)
    np.testing.assert_allclose(gaussian_kl(mean, log_variance, 0.5), [3.0, 5.5], rtol=1e-6)
