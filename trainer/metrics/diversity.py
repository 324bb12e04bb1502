"""Diversity of generated pictures, near-duplicates, and copies of training pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trainer.metrics.distribution import features_of, nearest_others, rounding, square_distances
from trainer.metrics.intervals import Estimate, bounded, jackknife, mean_of_few

# Distances among generated pictures relative to real ones: per prompt, and over the whole set.


DUPLICATE_LEVEL = 0.05
ROUNDS = 50


def mean_distance(features: np.ndarray) -> float:
    """Mean Euclidean distance over all pairs of rows.

    Args:
      features: float [N, d].

    Returns:
      The mean; NaN for fewer than two rows.
    """
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
    """Mean distance within each prompt's pictures divided by that among real pictures.

    Args:
      groups: float [prompts, pictures, d], features of at least two pictures for each prompt.
      real: float [N, d], features of real pictures of all kinds.
      seed: of the bootstrap over prompts.

    Returns:
      About 1 if a prompt's pictures are as varied as the data set, 0 if they are identical.
    """
    scale = mean_distance(real)
    return mean_of_few(np.array([mean_distance(group) / scale for group in groups]), seed=seed)


@dataclass(frozen=True)
class Duplicates:
    """Fraction of pictures that nearly duplicate another picture of their own set.

    Attributes:
      estimate: fraction of generated pictures within `threshold` of another generated picture.
      real: the same fraction of real pictures, about `DUPLICATE_LEVEL`.
      threshold: the `DUPLICATE_LEVEL` quantile of real pictures' nearest-neighbour distances.
    """

    estimate: Estimate
    real: float
    threshold: float


def duplicates(
    generated: np.ndarray, real: np.ndarray, *, seed: int = 0, rounds: int = ROUNDS
) -> Duplicates:
    """Compares the nearest-neighbour distances within generated pictures to those within real ones.

    Neighbours are closer in a larger set, so the larger set is subsampled to the size of the
    smaller. For the same reason the interval comes from subsets of both sets, each with its own
    threshold (delete-d jackknife).

    Args:
      generated, real: float [N, P] and [M, P], one picture a row.
      seed: of the subsampling.
      rounds: number of subsets for the interval; 0 for no interval.

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
    """Fractions of generated and of real pictures with a neighbour within the threshold, and the
    threshold."""
    nearest = np.sqrt(nearest_others(real, (1,))[:, 0])
    threshold = float(np.quantile(nearest, DUPLICATE_LEVEL))
    # Identical pictures are duplicates even if the threshold is 0: allow for rounding.
    same = np.sqrt(np.add(*rounding(fake, fake)))
    found = np.sqrt(nearest_others(fake, (1,))[:, 0]) <= np.maximum(threshold, same)
    return float(found.mean()), float((nearest <= threshold).mean()), threshold


# Whether generated pictures are copies of training pictures.
#
# A copy is much closer to one training picture than to the next nearest ones. The distance to the
# nearest is therefore divided by the mean distance to the 50 nearest (Carlini et al., Extracting
# training data from diffusion models, 2023, section 4.2): an average-looking picture is about
# equally close to all of them and is not a copy. Held-out pictures give the ratios that occur
# without copying.


NEIGHBOURS = 50
LEVEL = 0.05
COPY_ROUNDS = 200


class Nearest(NamedTuple):
    """The nearest training picture of each of N pictures.

    Attributes:
      row: int64 [N], its row among the training pictures.
      distance: float64 [N], the Euclidean distance to it.
      ratio: float64 [N] in [0, 1], the distance divided by the mean distance to the nearest
        neighbours; 0 for an exact copy.
    """

    row: np.ndarray
    distance: np.ndarray
    ratio: np.ndarray

    def suspicious(self, count: int) -> list[int]:
        """Rows of the `count` pictures with the lowest ratios, lowest first."""
        return [int(row) for row in np.argsort(self.ratio, kind="stable")[:count]]


def nearest_training(
    pictures: np.ndarray, training: np.ndarray, neighbours: int = NEIGHBOURS
) -> Nearest:
    """Finds each picture's nearest training picture and its distance ratio.

    Args:
      pictures: float [N, P], one picture a row.
      training: float [M, P].
      neighbours: number of neighbours in the mean distance; at most M are used.

    Raises:
      ValueError: pictures are NaN or infinite, or of different widths.
    """
    pictures, training = features_of(pictures, training, least=1)
    k, n = min(neighbours, len(training)), len(pictures)
    row, distance, ratio = np.empty(n, np.int64), np.empty(n), np.empty(n)
    for rows, squares in square_distances(pictures, training):
        row[rows] = squares.argmin(1)
        mean = np.sqrt(np.partition(squares, k - 1, axis=1)[:, :k]).mean(1)
        # Recomputed directly: the expanded square loses digits near 0.
        distance[rows] = np.linalg.norm(pictures[rows] - training[row[rows]], axis=1)
        ratio[rows] = np.divide(distance[rows], mean, out=np.zeros_like(mean), where=mean > 0)
    return Nearest(row, distance, ratio)


@dataclass(frozen=True)
class Memorisation:
    """Fraction of suspected copies among generated pictures.

    Attributes:
      estimate: fraction of generated pictures whose ratio is at most `threshold`.
      held_out_share: the same fraction of held-out pictures, about `LEVEL`.
      threshold: the `LEVEL` quantile of the held-out pictures' ratios.
      generated, held_out: the nearest training picture of each.
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
    rounds: int = COPY_ROUNDS,
) -> Memorisation:
    """Compares how close generated and held-out pictures are to training pictures.

    The bootstrap resamples both sets, because the threshold varies with the few held-out pictures
    that it comes from.

    Args:
      generated, held_out, training: float [N, P], [K, P] and [M, P], one picture a row.
      seed: of the bootstrap.
      rounds: bootstrap resamples; fewer than 2 give no interval.

    Raises:
      ValueError: pictures are NaN or infinite, or of different widths.
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
    """Fraction of the ratios `found` that are at most the `LEVEL` quantile of `usual`."""
    return float((found <= np.quantile(usual, LEVEL)).mean())


def _again(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many values, drawn with replacement."""
    return values[rng.integers(len(values), size=len(values))]
