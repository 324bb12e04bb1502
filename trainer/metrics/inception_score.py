"""Inception score: pictures that a classifier is sure of, and of many classes."""

from __future__ import annotations

import numpy as np

from trainer.metrics.intervals import ROUNDS, Estimate, Resampled, around, bootstrap


def inception_score(probabilities: np.ndarray, *, seed: int = 0, rounds: int = ROUNDS) -> Estimate:
    """exp of the mean KL(p(y|x) || p(y)) (Salimans et al., Improved Techniques for Training GANs,
    2016, section 4), over all pictures at once: the mean over ten splits of the paper adds bias
    (Barratt and Sharma, A Note on the Inception Score, 2018).

    Args:
      probabilities: float [N, classes], rows that sum to 1.
      seed: of resampling the pictures.
      rounds: bootstrap resamples.

    Returns:
      1 (all alike, or all unsure) to the number of classes. Biased downwards by small N, and by
      the repetitions of a resample once more: the interval is the value +- 1.96 bootstrap standard
      deviations.

    Raises:
      ValueError: rows that are no probabilities.
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or p.min(initial=0.0) < -1e-6 or not np.allclose(p.sum(-1), 1.0, atol=1e-3):
        raise ValueError(f"probabilities {p.shape} must be [N, classes], rows that sum to 1")
    p = np.maximum(p, 0.0) / p.sum(1, keepdims=True)
    certain = _entropy_terms(p).sum(1, keepdims=True)
    statistics = np.concatenate([p, certain, np.ones_like(certain)], 1)

    def score(sums: np.ndarray) -> np.ndarray:
        count = sums[..., -1]
        marginal = _entropy_terms(sums[..., :-2] / count[..., None]).sum(-1)
        return np.exp(sums[..., -2] / count - marginal)

    found = bootstrap(statistics, score, seed=seed, rounds=rounds)
    drawn = found.draws if isinstance(found, Resampled) else np.zeros(0)
    return around(found.value, drawn, 1.0, float(p.shape[1]))


def _entropy_terms(p: np.ndarray) -> np.ndarray:
    """p log p, 0 where p is 0."""
    return p * np.log(np.where(p > 0, p, 1.0))
