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


def gaussian_kl(mean, log_variance, free_bits: float = 0.0):
    """KL(N(mean, variance) || N(0, 1)) summed over dimensions (Kingma and Welling, appendix B).

    Args:
      mean, log_variance: float32 [N, d].
      free_bits: nats that each dimension may say at no gain in saying less (Kingma et al. 2016,
        equation 15, for each picture instead of the batch's mean): no dimension counts less.

    Returns:
      float32 [N].
    """
    terms = 0.5 * (ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance)
    return ops.sum(ops.maximum(terms, free_bits) if free_bits else terms, axis=1)
