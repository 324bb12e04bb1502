"""Cross-entropy of captions."""

from __future__ import annotations

from keras import ops


def caption_cross_entropy(logits, targets, mask, smoothing: float = 0.0):
    """Mean negative log likelihood of a caption's tokens.

    Label smoothing spreads `smoothing` evenly over the vocabulary (Szegedy et al. 2016, section 7).

    Args:
      logits: float32 [N, L, V].
      targets: int32 [N, L].
      mask: float32 [N, L], 1 for tokens that count.

    Returns:
      float32 [N].
    """
    log_p = logits - ops.logsumexp(logits, axis=-1, keepdims=True)
    hit = ops.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
    loss = -hit
    if smoothing:
        # Banned tokens have a log probability of about -1e9; they get no mass.
        open_ = ops.cast(log_p > -1e8, log_p.dtype)
        even = ops.sum(log_p * open_, axis=-1) / ops.sum(open_, axis=-1)
        loss = (1.0 - smoothing) * loss - smoothing * even
    return ops.sum(loss * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)
