"""Agreement of pictures and captions in the shared space."""

from __future__ import annotations

from keras import ops


def info_nce(image, text, scale, same=None):
    """Symmetric cross-entropy of each picture with its own caption among the batch's.

    Source: CLIP (Radford et al. 2021), figure 3.

    Args:
      image, text: float32 [N, d] unit vectors; row i of both belongs together.
      scale: inverse temperature, scalar.
      same: optional bool [N, N]; true where caption j says as much of picture i as its own, so
        that it is no negative. The diagonal is ignored.

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
    """Element-wise -[y log p + (1 - y) log(1 - p)] of logits, in a form that cannot overflow."""
    return ops.softplus(logits) - logits * labels
