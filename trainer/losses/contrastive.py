"""Losses of the shared text-image space: InfoNCE and attribute cross-entropy."""

from __future__ import annotations

from keras import ops


def info_nce(image, text, scale, same=None):
    """Returns the symmetric InfoNCE loss of each picture-caption pair.

    Source: CLIP (Radford et al. 2021), figure 3.

    Args:
      image, text: float32 [N, d] unit vectors; row i of one is the positive of row i of the other.
      scale: inverse temperature, float32 [].
      same: optional bool [N, N], true where caption j describes picture i as well as its own does
        and so is no negative. The diagonal is ignored.

    Returns:
      float32 [N], the mean of both directions.
    """
    logits = scale * ops.matmul(image, ops.transpose(text))
    count = ops.shape(logits)[0]
    own = ops.eye(count, dtype="bool")
    if same is not None:
        ignored = ops.logical_and(same, ops.logical_not(own))
        logits = ops.where(ignored, -1e9, logits)
    diagonal = ops.sum(ops.where(own, logits, 0.0), axis=1)
    by_image = ops.logsumexp(logits, axis=1) - diagonal
    by_text = ops.logsumexp(logits, axis=0) - diagonal
    return 0.5 * (by_image + by_text)


def binary_cross_entropy(logits, labels):
    """Returns the element-wise binary cross-entropy -[y log p + (1 - y) log(1 - p)].

    It is computed from logits, in a form that cannot overflow.

    Args:
      logits: float [...].
      labels: float [...] in [0, 1], y.

    Returns:
      float [...].
    """
    return ops.softplus(logits) - logits * labels
