"""How much the pictures of one prompt differ, relative to how much real pictures differ."""

from __future__ import annotations

import numpy as np

from trainer.metrics.intervals import Estimate, bootstrap_mean

_BLOCK = 2048


def mean_distance(features: np.ndarray) -> float:
    """Mean Euclidean distance of all pairs of rows [N, d]; NaN for fewer than two rows."""
    features = np.asarray(features, np.float64)
    n = len(features)
    if n < 2:
        return float("nan")
    centred = features - features.mean(0)
    square = (centred**2).sum(1)
    total = 0.0
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        squares = square[rows, None] + square - 2 * centred[rows] @ centred.T
        np.fill_diagonal(squares[:, start:], 0.0)
        total += np.sqrt(np.maximum(squares, 0.0)).sum()
    return float(total / (n * (n - 1)))


def prompt_diversity(groups: np.ndarray, real: np.ndarray, *, seed: int = 0) -> Estimate:
    """Mean distance within each prompt's pictures over that among real pictures.

    Args:
      groups: features [prompts, pictures of the prompt, d], at least two pictures each.
      real: features [N, d] of real pictures of all kinds.
      seed: of resampling the prompts.

    Returns:
      About 1 where a prompt's pictures are as varied as the data set, 0 where they are all alike.
    """
    scale = mean_distance(real)
    return bootstrap_mean(np.array([mean_distance(group) / scale for group in groups]), seed=seed)
