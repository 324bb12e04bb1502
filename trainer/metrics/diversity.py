"""How much pictures differ, relative to how much real pictures do: of one prompt, of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.metrics.intervals import Estimate, bounded, jackknife, mean_of_few
from trainer.metrics.neighbours import features_of, nearest_others, rounding, square_distances

DUPLICATE_LEVEL = 0.05
ROUNDS = 50


def mean_distance(features: np.ndarray) -> float:
    """Mean Euclidean distance of all pairs of rows [N, d]; NaN for fewer than two rows."""
    features = np.asarray(features, np.float64)
    n = len(features)
    if n < 2:
        return float("nan")
    total = 0.0
    for rows, squares in square_distances(features, features):
        np.fill_diagonal(squares[:, rows.start :], 0.0)
        total += np.sqrt(squares).sum()
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
    return mean_of_few(np.array([mean_distance(group) / scale for group in groups]), seed=seed)


@dataclass(frozen=True)
class Duplicates:
    """Share of pictures that look like another one of their own set.

    Attributes:
      estimate: share of generated pictures nearer to another generated one than `threshold`.
      real: the same share of real pictures, about `DUPLICATE_LEVEL`.
      threshold: the `DUPLICATE_LEVEL` quantile of real pictures' distances to their nearest.
    """

    estimate: Estimate
    real: float
    threshold: float


def duplicates(
    generated: np.ndarray, real: np.ndarray, *, seed: int = 0, rounds: int = ROUNDS
) -> Duplicates:
    """Compares how near each picture's nearest other one is among [N, P] generated pictures and
    among as many real ones.

    A larger set has nearer neighbours, so of sets of unequal size the larger is cut to the size of
    the smaller, by `seed`. For the same reason the interval comes from parts of both sets (`rounds`
    of them, 0 for no interval), each with a threshold of its own.

    Raises:
      ValueError: features are NaN or infinite, or of different widths.
    """
    generated, real = features_of(generated, real)
    rng = np.random.default_rng(seed)
    size = min(len(generated), len(real))
    fake, other = (
        pictures[np.sort(rng.permutation(len(pictures))[:size])] for pictures in (generated, real)
    )
    share, usual, threshold = _alike(fake, other)
    (variance,) = jackknife(
        lambda one, two: _alike(one, two)[:1], fake, other, least=2, seed=seed, rounds=rounds
    )
    estimate = bounded(share, float(variance), size)
    return Duplicates(estimate=estimate, real=usual, threshold=threshold)


def _alike(fake: np.ndarray, real: np.ndarray) -> tuple[float, float, float]:
    """Shares of generated and of real pictures within the threshold of another, and the
    threshold."""
    nearest = np.sqrt(nearest_others(real, (1,))[:, 0])
    threshold = float(np.quantile(nearest, DUPLICATE_LEVEL))
    # Equal pictures are duplicates even where the real ones have none that are near.
    same = np.sqrt(np.add(*rounding(fake, fake)))
    found = np.sqrt(nearest_others(fake, (1,))[:, 0]) <= np.maximum(threshold, same)
    return float(found.mean()), float((nearest <= threshold).mean()), threshold
