"""Losses of captions: cross-entropy with given words, rewards for own ones."""

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
    log_p = _log_softmax(logits)
    loss = -_picked(log_p, targets)
    if smoothing:
        # Banned tokens have a log probability of about -1e9; they get no mass.
        open_ = ops.cast(log_p > -1e8, log_p.dtype)
        even = ops.sum(log_p * open_, axis=-1) / ops.sum(open_, axis=-1)
        loss = (1.0 - smoothing) * loss - smoothing * even
    return ops.sum(loss * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)


def token_log_probs(logits, targets):
    """Log probabilities float32 [N, L] of tokens int32 [N, L] under logits float32 [N, L, V]."""
    return _picked(_log_softmax(logits), targets)


def self_critical(log_probs, reward, mask):
    """REINFORCE with the likeliest caption's reward as baseline (Rennie et al. 2017, equation 8).

    Args:
      log_probs: float32 [N, L] of a drawn caption's tokens.
      reward: float32 [N], that of the drawn caption minus that of the likeliest one.
      mask: float32 [N, L], 1 for tokens that were said.

    Returns:
      float32 [N]; only its gradient means something.
    """
    return -reward * ops.sum(log_probs * mask, axis=1)


def _log_softmax(logits):
    return logits - ops.logsumexp(logits, axis=-1, keepdims=True)


def _picked(log_p, targets):
    return ops.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
