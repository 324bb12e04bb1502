"""Whether generated pictures are copies of training pictures.

A copy lies much nearer to one training picture than to that picture's neighbours. The distance to
the nearest is therefore divided by the mean distance to the 50 nearest (Carlini et al., Extracting
training data from diffusion models, 2023, section 4.2): an average-looking picture is near to all
alike and is no copy. Held-out pictures say which ratios happen without copying.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.metrics.intervals import Estimate, bootstrap_mean

NEIGHBOURS = 50
LEVEL = 0.05
_BLOCK = 512


def nearest_ratio(
    pictures: np.ndarray, training: np.ndarray, neighbours: int = NEIGHBOURS
) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest over the mean distance to the `neighbours` nearest.

    Args:
      pictures: float [N, P], one picture a row.
      training: float [M, P]; fewer than `neighbours` rows are all taken.
      neighbours: how many.

    Returns:
      Ratios float64 [N] in 0..1 (0 for an exact copy), and the nearest row's index int [N].
    """
    pictures = np.asarray(pictures, np.float64)
    training = np.asarray(training, np.float64)
    k = min(neighbours, len(training))
    square = (training**2).sum(1)
    ratio, nearest = np.empty(len(pictures)), np.empty(len(pictures), np.int64)
    for start in range(0, len(pictures), _BLOCK):
        rows = slice(start, start + _BLOCK)
        squares = (pictures[rows] ** 2).sum(1)[:, None] + square - 2 * pictures[rows] @ training.T
        found = np.sqrt(np.maximum(np.partition(squares, k - 1, axis=1)[:, :k], 0.0))
        nearest[rows] = squares.argmin(1)
        # The nearest is measured again: the expanded square loses digits near 0.
        first = np.linalg.norm(pictures[rows] - training[nearest[rows]], axis=1)
        mean = found.mean(1)
        ratio[rows] = np.divide(first, mean, out=np.zeros_like(first), where=mean > 0)
    return ratio, nearest


@dataclass(frozen=True)
class Memorisation:
    """Share of copies among generated pictures.

    Attributes:
      estimate: share of generated pictures whose ratio is at most `threshold`.
      held_out: the same share of held-out pictures, about `LEVEL`.
      threshold: the `LEVEL` quantile of the held-out pictures' ratios.
      ratio, nearest: of each generated picture, see `nearest_ratio`.
    """

    estimate: Estimate
    held_out: float
    threshold: float
    ratio: np.ndarray
    nearest: np.ndarray


def memorisation(
    generated: np.ndarray, held_out: np.ndarray, training: np.ndarray, *, seed: int = 0
) -> Memorisation:
    """Compares generated [N, P] and held-out [K, P] pictures' closeness to training [M, P]."""
    ratio, nearest = nearest_ratio(generated, training)
    usual, _ = nearest_ratio(held_out, training)
    threshold = float(np.quantile(usual, LEVEL))
    return Memorisation(
        estimate=bootstrap_mean(ratio <= threshold, seed=seed),
        held_out=float((usual <= threshold).mean()),
        threshold=threshold,
        ratio=ratio,
        nearest=nearest,
    )
