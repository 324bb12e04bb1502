"""Whether generated pictures are copies of training pictures.

A copy lies much nearer to one training picture than to that picture's neighbours. The distance to
the nearest is therefore divided by the mean distance to the 50 nearest (Carlini et al., Extracting
training data from diffusion models, 2023, section 4.2): an average-looking picture is near to all
alike and is no copy. Held-out pictures say which ratios happen without copying.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trainer.metrics.intervals import Estimate, bounded
from trainer.metrics.neighbours import features_of, square_distances

NEIGHBOURS = 50
LEVEL = 0.05
ROUNDS = 200


class Nearest(NamedTuple):
    """The training picture that is nearest to each of N pictures.

    Attributes:
      row: int [N], its row.
      distance: float64 [N], Euclidean.
      ratio: float64 [N] in 0..1, the distance over the mean distance to the nearest ones; 0 for an
        exact copy.
    """

    row: np.ndarray
    distance: np.ndarray
    ratio: np.ndarray

    def suspicious(self, count: int) -> list[int]:
        """Rows of the `count` pictures of the lowest ratios, lowest first."""
        return [int(row) for row in np.argsort(self.ratio, kind="stable")[:count]]


def nearest_training(
    pictures: np.ndarray, training: np.ndarray, neighbours: int = NEIGHBOURS
) -> Nearest:
    """Looks for each picture's neighbours among the training pictures.

    Args:
      pictures: float [N, P], one picture a row.
      training: float [M, P]; fewer than `neighbours` rows are all taken.
      neighbours: how many the mean distance is of.

    Raises:
      ValueError: pictures are NaN or infinite, or of different widths.
    """
    pictures, training = features_of(pictures, training, least=1)
    k, n = min(neighbours, len(training)), len(pictures)
    row, distance, ratio = np.empty(n, np.int64), np.empty(n), np.empty(n)
    for rows, squares in square_distances(pictures, training):
        row[rows] = squares.argmin(1)
        mean = np.sqrt(np.partition(squares, k - 1, axis=1)[:, :k]).mean(1)
        # The nearest is measured again: the expanded square loses digits near 0.
        distance[rows] = np.linalg.norm(pictures[rows] - training[row[rows]], axis=1)
        ratio[rows] = np.divide(distance[rows], mean, out=np.zeros_like(mean), where=mean > 0)
    return Nearest(row, distance, ratio)


@dataclass(frozen=True)
class Memorisation:
    """Share of copies among generated pictures.

    Attributes:
      estimate: share of generated pictures whose ratio is at most `threshold`.
      held_out_share: the same share of held-out pictures, about `LEVEL`.
      threshold: the `LEVEL` quantile of the held-out pictures' ratios.
      generated, held_out: the training picture nearest to each.
    """

    estimate: Estimate
    held_out_share: float
    threshold: float
    generated: Nearest
    held_out: Nearest


def memorisation(
    generated: np.ndarray,
    held_out: np.ndarray,
    training: np.ndarray,
    *,
    seed: int = 0,
    rounds: int = ROUNDS,
) -> Memorisation:
    """Compares generated [N, P] and held-out [K, P] pictures' closeness to training [M, P].

    The interval holds for both sets of pictures: the threshold is that of few held-out ones, and
    varies with them.
    """
    found, usual = nearest_training(generated, training), nearest_training(held_out, training)
    threshold = float(np.quantile(usual.ratio, LEVEL))
    rng = np.random.default_rng(seed)
    drawn = [_share(_again(found.ratio, rng), _again(usual.ratio, rng)) for _ in range(rounds)]
    variance = float(np.var(drawn, ddof=1)) if rounds > 1 else float("nan")
    return Memorisation(
        estimate=bounded(_share(found.ratio, usual.ratio), variance, len(found.ratio)),
        held_out_share=float((usual.ratio <= threshold).mean()),
        threshold=threshold,
        generated=found,
        held_out=usual,
    )


def _share(found: np.ndarray, usual: np.ndarray) -> float:
    """Share of ratios that are at most the `LEVEL` quantile of the usual ones."""
    return float((found <= np.quantile(usual, LEVEL)).mean())


def _again(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many values, drawn with return."""
    return values[rng.integers(len(values), size=len(values))]
