"""The two terms of the negative evidence lower bound, in nats."""

from __future__ import annotations

from keras import ops


def gaussian_reconstruction(pictures, wanted, deviation: float):
    """Returns -log N(wanted; pictures, deviation^2) without its constant, summed over pixel values.

    Args:
      pictures: float32 [N, R, R, 3], the means.
      wanted: float32 [N, R, R, 3], the targets.
      deviation: standard deviation of a pixel value, in the same units.

    Returns:
      float32 [N].
    """
    return ops.sum(ops.square(pictures - wanted), axis=(1, 2, 3)) / (2.0 * deviation**2)


def gaussian_kl(mean, log_variance, free_bits: float = 0.0):
    """Returns KL(N(mean, variance) || N(0, 1)) summed over dimensions.

    Source: Kingma and Welling 2014, appendix B.

    Args:
      mean, log_variance: float32 [N, d].
      free_bits: lower bound of each dimension's term in nats, so that carrying less brings no gain
        (Kingma et al. 2016, equation 15, here per picture instead of per batch mean).

    Returns:
      float32 [N].
    """
    terms = 0.5 * (ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance)
    return ops.sum(ops.maximum(terms, free_bits) if free_bits else terms, axis=1)
