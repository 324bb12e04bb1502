"""Whether a generator invents: how much its pictures differ, and copies of training pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trainer.metrics.distribution import features_of, nearest_others, rounding, square_distances
from trainer.metrics.intervals import Estimate, bounded, jackknife, mean_of_few

# How much pictures differ, relative to how much real pictures do: of one prompt, of all.


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


# Whether generated pictures are copies of training pictures.
#
# A copy lies much nearer to one training picture than to that picture's neighbours. The distance to
# the nearest is therefore divided by the mean distance to the 50 nearest (Carlini et al.,
# Extracting training data from diffusion models, 2023, section 4.2): an average-looking picture is
# near to all alike and is no copy. Held-out pictures say which ratios happen without copying.


NEIGHBOURS = 50
LEVEL = 0.05
COPY_ROUNDS = 200


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
    rounds: int = COPY_ROUNDS,
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
