"""The two halves of the evidence lower bound, in nats."""

from __future__ import annotations

from keras import ops


def gaussian_reconstruction(pictures, wanted, deviation: float):
    """-log N(wanted; pictures, deviation^2) without its constant, summed over the pixels.

    Args:
      pictures, wanted: float32 [N, R, R, 3].
      deviation: standard deviation of a pixel, in their units.

    Returns:
      float32 [N].
    """
    return ops.sum(ops.square(pictures - wanted), axis=(1, 2, 3)) / (2.0 * deviation**2)


def gaussian_kl(mean, log_variance):
    """KL(N(mean, variance) || N(0, 1)) summed over dimensions (Kingma and Welling, appendix B).

    Args:
      mean, log_variance: float32 [N, d].

    Returns:
      float32 [N].
    """
    terms = ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance
    return 0.5 * ops.sum(terms, axis=1)
