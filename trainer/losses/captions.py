"""Losses of captions: cross-entropy with reference tokens, REINFORCE on sampled captions."""

from __future__ import annotations

from keras import ops


def caption_cross_entropy(logits, targets, mask, smoothing: float = 0.0):
    """Returns the mean negative log likelihood of each caption's tokens.

    Label smoothing follows Szegedy et al. 2016, section 7.

    Args:
      logits: float32 [N, L, V].
      targets: int32 [N, L].
      mask: float32 [N, L], 1 for tokens that count, else 0.
      smoothing: probability mass spread evenly over the vocabulary.

    Returns:
      float32 [N].
    """
    log_p = _log_softmax(logits)
    loss = -_picked(log_p, targets)
    if smoothing:
        # Banned tokens have a log probability of about -1e9. They get no mass: any share of it
        # would dominate the loss.
        open_ = ops.cast(log_p > -1e8, log_p.dtype)
        even = ops.sum(log_p * open_, axis=-1) / ops.sum(open_, axis=-1)
        loss = (1.0 - smoothing) * loss - smoothing * even
    return ops.sum(loss * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)


def token_log_probs(logits, targets):
    """Returns the log probabilities of given tokens.

    Args:
      logits: float32 [N, L, V].
      targets: int32 [N, L].

    Returns:
      float32 [N, L].
    """
    return _picked(_log_softmax(logits), targets)


def self_critical(log_probs, reward, mask):
    """Returns the REINFORCE loss with the greedy caption's reward as the baseline.

    Source: Rennie et al. 2017, equation 8.

    Args:
      log_probs: float32 [N, L], log probabilities of the sampled tokens.
      reward: float32 [N], reward of the sampled caption minus that of the greedy one.
      mask: float32 [N, L], 1 for sampled tokens, 0 for padding.

    Returns:
      float32 [N]; only its gradient is meaningful.
    """
    return -reward * ops.sum(log_probs * mask, axis=1)


def _log_softmax(logits):
    return logits - ops.logsumexp(logits, axis=-1, keepdims=True)


def _picked(log_p, targets):
    return ops.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
