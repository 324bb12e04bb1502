"""FID, KID, precision, recall, density, coverage and inception score of sets of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from trainer.metrics.intervals import (
    ROUNDS,
    SIGMAS,
    Estimate,
    Resampled,
    around,
    bootstrap,
    bounded,
    jackknife,
    percentile_interval,
    resamples,
)

# Distances between rows of two matrices, in blocks: an N x M matrix is never in memory.


_DISTANCE_BLOCK = 1024
# Number of rows whose median is the centre.
_AMID = 128


def blocks(n: int, size: int) -> Iterator[slice]:
    """Yields slices of at most `size` rows that together cover n rows in order."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def square_distances(one: np.ndarray, other: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields squared Euclidean distances between rows, in blocks.

    Both sets are centred on the median of `other` first, because |x - y|^2 = |x|^2 + |y|^2 - 2 xy
    cancels digits if the norms are large. The remaining error is about `rounding`.

    Args:
      one, other: float64 [N, d] and [M, d].

    Yields:
      A slice of n rows of `one`, and their squared distances float64 [n, M] to all of `other`.
    """
    centre = _middle(other)
    one, other = one - centre, other - centre
    square = (other**2).sum(1)
    for rows in blocks(len(one), _DISTANCE_BLOCK):
        part = one[rows]
        found = part @ other.T
        found *= -2.0
        found += (part**2).sum(1)[:, None]
        found += square
        yield rows, np.maximum(found, 0.0, out=found)


def rounding(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rounding error of `square_distances`, row by row.

    Args:
      one, other: float64 [N, d] and [M, d].

    Returns:
      float64 [N] and [M]: a squared distance between rows i and j up to the sum of entries i and j
      cannot be told from 0. An outlier makes only its own distances inexact.
    """
    centre = _middle(other)
    scale = 1e-13 * np.sqrt(one.shape[1])
    first, second = (scale * ((x - centre) ** 2).sum(1) for x in (one, other))
    return first, second


def _middle(rows: np.ndarray) -> np.ndarray:
    """A centre [d] of the rows: the median of a sample, which is robust to outliers."""
    return np.median(rows[:: max(1, len(rows) // _AMID)], 0)


def nearest_others(features: np.ndarray, ranks: tuple[int, ...]) -> np.ndarray:
    """Squared distance of each row [N, d] to its k-th nearest other row.

    Args:
      features: float64 [N, d].
      ranks: the values of k, from 1 (the nearest) to N - 1.

    Returns:
      float64 [N, len(ranks)].

    Raises:
      ValueError: too few rows for the largest rank.
    """
    n = len(features)
    if max(ranks) >= n:
        raise ValueError(f"{n} rows have no {max(ranks)}-th nearest other row")
    places = [rank - 1 for rank in ranks]
    result = np.empty((n, len(ranks)))
    for rows, found in square_distances(features, features):
        found[np.arange(len(found)), np.arange(rows.start, rows.stop)] = np.inf
        result[rows] = np.partition(found, places, axis=1)[:, places]
    return result


def features_of(*sets: np.ndarray, least: int = 2) -> list[np.ndarray]:
    """Converts each set of features to float64 [N, d].

    Raises:
      ValueError: a set is not a matrix, widths differ, values are NaN or infinite, or a set has
        fewer than `least` rows.
    """
    found = [np.asarray(features, np.float64) for features in sets]
    shapes = [features.shape for features in found]
    if any(len(shape) != 2 or shape[1] != shapes[0][-1] for shape in shapes):
        raise ValueError(f"features {shapes} must be [N, d], of one width d")
    if min(shape[0] for shape in shapes) < least:
        raise ValueError(f"features {shapes}: {least} pictures or more are needed in each")
    if not all(np.isfinite(features).all() for features in found):
        raise ValueError("features hold NaN or infinity")
    return found


# Distances between two sets of feature vectors: FID and KID, in float64.


_BLOCK = 2048


class Gaussian:
    """Streaming mean and covariance of feature vectors.

    Stores a triangular factor R with R'R = the scatter matrix instead of the covariance: its
    rounding error is that of the features, not the square root of it, so rank-deficient sets (fewer
    pictures than features) are as exact as others. Blocks are merged by Chan, Golub and LeVeque,
    Updating formulae and a pairwise algorithm for computing sample variances (1979).

    Attributes:
      count: number of vectors.
      mean: float64 [width].
    """

    def __init__(self, width: int):
        self.count = 0
        self.mean = np.zeros(width)
        self._factor = np.zeros((0, width))

    def update(self, features: np.ndarray) -> None:
        """Adds float rows [n, width].

        Raises:
          ValueError: another width, NaN or infinity.
        """
        features = np.asarray(features, np.float64)
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise ValueError(f"features {features.shape}, expected [n, {len(self.mean)}]")
        if not np.isfinite(features).all():
            raise ValueError("features hold NaN or infinity")
        if len(features):
            mean = features.mean(0)
            self._add(len(features), mean, features - mean)

    def merge(self, other: Gaussian) -> None:
        """Adds the vectors of `other`, such as another worker's part of the pictures.

        Raises:
          ValueError: another width.
        """
        if len(other.mean) != len(self.mean):
            raise ValueError(f"features of width {len(other.mean)}, expected {len(self.mean)}")
        if other.count:
            self._add(other.count, other.mean, other._factor)

    def _add(self, n: int, mean: np.ndarray, rows: np.ndarray) -> None:
        """Adds n vectors with that mean and the scatter matrix rows' rows."""
        total = self.count + n
        shift = np.sqrt(self.count * n / total) * (self.mean - mean)
        rows = np.concatenate([self._factor, rows, shift[None]])
        self._factor = np.asarray(np.linalg.qr(rows, mode="r"))
        self.mean = self.mean + (mean - self.mean) * (n / total)
        self.count = total

    @property
    def factor(self) -> np.ndarray:
        """float64 [r, width] with factor' factor = the unbiased covariance."""
        if self.count < 2:
            raise ValueError(f"a covariance needs 2 feature vectors, got {self.count}")
        return self._factor / np.sqrt(self.count - 1)


def gaussian(features: np.ndarray) -> Gaussian:
    """The mean and covariance of features, float [N, d]; raises ValueError as `Gaussian.update`."""
    features = np.asarray(features)
    if features.ndim != 2:
        raise ValueError(f"features {features.shape}, expected [n, width]")
    result = Gaussian(features.shape[1])
    for rows in blocks(len(features), _BLOCK):
        result.update(features[rows])
    return result


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """Squared Frechet distance of two Gaussians (Dowson and Landau, 1982).

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2). With S = F'F, the last trace is the sum of the
    singular values of F1 F2'.

    Raises:
      ValueError: one of them has seen fewer than 2 vectors.
    """
    first, second = one.factor, other.factor
    shared = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    spread = (first**2).sum() + (second**2).sum() - 2 * shared
    return max(0.0, float(((one.mean - other.mean) ** 2).sum() + spread))


def fid(real: np.ndarray, fake: np.ndarray) -> float:
    """Frechet inception distance (Heusel et al., GANs Trained by a Two Time-Scale Update Rule,
    2017). Biased upwards for small N: compare at equal N only.

    Args:
      real, fake: features, float [N, d] and [M, d], N and M at least 2.

    Raises:
      ValueError: too few rows, unequal widths, NaN or infinity.
    """
    return frechet_distance(gaussian(real), gaussian(fake))


def fid_interval(
    real: np.ndarray, fake: np.ndarray, *, seed: int = 0, rounds: int = 50
) -> Estimate:
    """FID with the interval value +- 1.96 bootstrap standard deviations, cut at 0.

    Resamples repeat pictures, which changes FID's bias: their spread is used, their mean is not.

    Args:
      real, fake: features, float [N, d] and [M, d], N and M at least 2.
      seed, rounds: of the bootstrap; fewer than 2 rounds give NaN ends.
    """
    rng = np.random.default_rng(seed)
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    # Decompositions this small gain nothing from more threads. On a busy machine, synchronising the
    # threads takes a hundred times as long as the work.
    with threadpool_limits(1, "blas"):
        drawn = [
            fid(
                real[rng.integers(len(real), size=len(real))],
                fake[rng.integers(len(fake), size=len(fake))],
            )
            for _ in range(rounds)
        ]
        return around(fid(real, fake), np.array(drawn), least=0.0)


def polynomial_kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(x.y / d + 1)^3 of float64 rows [N, d] and [M, d]: [N, M] (Binkowski et al., 2018)."""
    product = one @ other.T
    product /= one.shape[1]
    product += 1.0
    # `**` computes a general power, which takes some twenty times as long.
    cube = product * product
    cube *= product
    return cube


def kid(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    seed: int = 0,
    rounds: int = ROUNDS,
    subset_size: int | None = None,
    subsets: int = 100,
) -> Estimate:
    """Kernel inception distance (Binkowski et al., Demystifying MMD GANs, 2018): unbiased squared
    MMD with a cubic kernel, and its bootstrap interval over pictures.

    Args:
      real, fake: features, float [N, d] and [M, d], N and M at least 2.
      seed: of the bootstrap and of the subsets.
      rounds: bootstrap resamples; 0 gives NaN ends.
      subset_size: None uses all pictures at once, which has the least variance. A number gives the
        mean of `subsets` estimates on random subsets, as in the paper.
      subsets: number of subsets.

    Returns:
      The estimate. It is unbiased, so it may be slightly negative for equal distributions. Memory
      is O(2048 (N + rounds)), never N x M.

    Raises:
      ValueError: too few rows, unequal widths, NaN or infinity.
    """
    real, fake = features_of(real, fake)
    low, high = _kid_interval(real, fake, seed, rounds) if rounds else (np.nan, np.nan)
    if subset_size is None:
        return Estimate(_mmd(real, fake), low, high)
    rng = np.random.default_rng(seed)
    size = min(subset_size, len(real), len(fake))
    values = [
        _mmd(real[rng.choice(len(real), size, False)], fake[rng.choice(len(fake), size, False)])
        for _ in range(subsets)
    ]
    return Estimate(float(np.mean(values)), low, high)


def _mmd(real: np.ndarray, fake: np.ndarray) -> float:
    ones = np.ones((1, len(real))), np.ones((1, len(fake)))
    return float(_weighted_mmd(real, fake, *ones)[0])


def _kid_interval(
    real: np.ndarray, fake: np.ndarray, seed: int, rounds: int
) -> tuple[float, float]:
    first = np.concatenate(list(resamples(len(real), rounds, seed)))
    second = np.concatenate(list(resamples(len(fake), rounds, seed + 1)))
    return percentile_interval(_weighted_mmd(real, fake, first, second))


def _weighted_mmd(
    real: np.ndarray, fake: np.ndarray, real_weights: np.ndarray, fake_weights: np.ndarray
) -> np.ndarray:
    """Squared MMD [B] under B weightings [B, N] and [B, M]. A picture is never compared with itself
    or with its copy in a resample, which keeps the estimate unbiased."""
    within = _pairs(real, real, real_weights, real_weights, True) + _pairs(
        fake, fake, fake_weights, fake_weights, True
    )
    return within - 2 * _pairs(real, fake, real_weights, fake_weights, False)


def _pairs(
    one: np.ndarray,
    other: np.ndarray,
    one_weights: np.ndarray,
    other_weights: np.ndarray,
    skip_same: bool,
) -> np.ndarray:
    total = np.zeros(len(one_weights))
    for rows in blocks(len(one), _BLOCK):
        kernel = polynomial_kernel(one[rows], other)
        if skip_same:
            kernel[np.arange(len(kernel)), np.arange(rows.start, rows.stop)] = 0.0
        total += np.einsum("br,br->b", one_weights[:, rows], other_weights @ kernel.T)
    mass = one_weights.sum(1) * other_weights.sum(1)
    if skip_same:
        mass = mass - (one_weights * other_weights).sum(1)
    return total / mass


# How well two sets of features cover each other: precision, recall, density, coverage.
#
# Each picture has a ball around it with the distance to its k-th nearest other picture of the set
# as radius. Precision and recall: Kynkaanniemi et al., Improved Precision and Recall Metric for
# Assessing Generative Models, 2019, equation 1. Density and coverage: Naeem et al., Reliable
# Fidelity and Diversity Metrics for Generative Models, 2020, equations 4 and 5.


PRECISION_K = 3
DENSITY_K = 5
ROUNDS = 50
# Fraction of each set in a jackknife subset. Larger subsets make the intervals of precision, recall
# and coverage half as wide again. Density grows with the number of balls, and smaller subsets make
# its interval too narrow.
PART, PART_FOR_DENSITY = 0.5, 0.75
FIGURES = ("precision", "recall", "density", "coverage")


@dataclass(frozen=True)
class Cover:
    """Precision, recall, density and coverage, picture by picture.

    Attributes:
      real, fake: float64 [N, d] and [M, d], features of real and generated pictures.
      precision_k, density_k: ranks of the neighbours that give the radii of the balls.
      precision: bool [M], the generated picture is in the ball of some real one.
      recall: bool [N], the real picture is in the ball of some generated one.
      density: float64 [M], number of balls of real pictures around the generated one, divided by
        `density_k`.
      coverage: bool [N], some generated picture is in the real picture's ball.
    """

    real: np.ndarray
    fake: np.ndarray
    precision_k: int
    density_k: int
    precision: np.ndarray
    recall: np.ndarray
    density: np.ndarray
    coverage: np.ndarray

    def estimates(self, seed: int = 0, rounds: int = ROUNDS) -> dict[str, Estimate]:
        """The four means and their intervals over real and generated pictures.

        A picture drawn twice by a bootstrap would be its own neighbour, so the variance comes from
        a jackknife: subsets of both sets, each with its own balls. The ends are NaN if a subset has
        too few pictures for its balls.
        """
        reach = {"precision_k": self.precision_k, "density_k": self.density_k}

        def figures(real: np.ndarray, fake: np.ndarray) -> list[float]:
            return list(cover(real, fake, **reach).values().values())

        sets, least = (self.real, self.fake), max(reach.values()) + 1
        variances, of_density = (
            jackknife(figures, *sets, part=part, least=least, seed=seed, rounds=rounds)
            for part in (PART, PART_FOR_DENSITY)
        )
        place = FIGURES.index("density")
        variances[place] = of_density[place]
        fewest = min(len(self.real), len(self.fake))
        return {
            name: _estimate(name, value, float(variance), fewest)
            for (name, value), variance in zip(self.values().items(), variances, strict=True)
        }

    def values(self) -> dict[str, float]:
        """The four means alone."""
        return {name: float(getattr(self, name).mean()) for name in FIGURES}


def cover(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    precision_k: int = PRECISION_K,
    density_k: int = DENSITY_K,
) -> Cover:
    """Precision, recall, density and coverage of generated pictures (Kynkaanniemi et al. 2019,
    equation 1; Naeem et al. 2020, equations 4 and 5).

    Args:
      real, fake: features, float [N, d] and [M, d], with more rows than either k.
      precision_k: rank of the neighbour for precision and recall.
      density_k: rank of the neighbour for density and coverage.

    Returns:
      The values of each picture. Memory is O(1024 (N + M)), never N x M.

    Raises:
      ValueError: unequal widths, too few rows, NaN or infinity.
    """
    real, fake = features_of(real, fake, least=max(precision_k, density_k) + 1)
    fake_slack, real_slack = rounding(fake, real)
    real_reach, wide_reach = nearest_others(real, (precision_k, density_k)).T + real_slack
    fake_reach = nearest_others(fake, (precision_k,))[:, 0] + fake_slack
    n, m = len(real), len(fake)
    precise, density = np.empty(m, bool), np.empty(m)
    recalled, covered = np.zeros(n, bool), np.zeros(n, bool)
    for rows, found in square_distances(fake, real):
        near = found - fake_slack[rows, None]
        precise[rows] = (near <= real_reach).any(1)
        recalled |= (found - real_slack <= fake_reach[rows, None]).any(0)
        within = near <= wide_reach
        density[rows] = within.sum(1) / density_k
        covered |= within.any(0)
    return Cover(real, fake, precision_k, density_k, precise, recalled, density, covered)


def _estimate(name: str, value: float, variance: float, n: int) -> Estimate:
    """The interval of one metric. Density is unbounded and its spread grows with its value, so its
    interval is symmetric in the logarithm. The others are fractions of n pictures or more."""
    if name != "density":
        return bounded(value, variance, n)
    if not value:
        return Estimate(value, np.nan, np.nan)
    factor = float(np.exp(SIGMAS * np.sqrt(variance) / value))
    return Estimate(value, value / factor, value * factor)


# Inception score: high if a classifier is certain of each picture and the classes vary.


def inception_score(probabilities: np.ndarray, *, seed: int = 0, rounds: int = ROUNDS) -> Estimate:
    """exp of the mean KL(p(y|x) || p(y)) (Salimans et al., Improved Techniques for Training GANs,
    2016, section 4), over all pictures at once: the paper's mean over ten splits adds bias (Barratt
    and Sharma, A Note on the Inception Score, 2018).

    Args:
      probabilities: float [N, classes], rows that sum to 1.
      seed: of the bootstrap over pictures.
      rounds: bootstrap resamples.

    Returns:
      From 1 (all predictions are the same) to the number of classes. Small N biases the score
      downwards, and so do the repeated pictures of a resample: the interval is the value +- 1.96
      bootstrap standard deviations.

    Raises:
      ValueError: rows are not probabilities.
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
