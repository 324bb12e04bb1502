"""Distances between two sets of feature vectors: FID and KID, in float64."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from trainer.metrics.intervals import ROUNDS, Estimate, around, percentile_interval, resamples
from trainer.metrics.neighbours import blocks, features_of

_BLOCK = 2048


class Gaussian:
    """Streamed mean and covariance of feature vectors.

    Holds a triangular factor R with R'R = the scatter matrix in place of the covariance: its
    rounding error is that of the features, not the square root of it, so that rank-deficient sets
    (fewer pictures than features) are as exact as others. Blocks merge by Chan, Golub and LeVeque,
    Updating formulae and a pairwise algorithm for computing sample variances (1979).
    """

    def __init__(self, width: int):
        self.count = 0
        self.mean = np.zeros(width)
        self._factor = np.zeros((0, width))

    def update(self, features: np.ndarray) -> None:
        """Adds rows [n, width]; raises ValueError on another width or on NaN and infinity."""
        features = np.asarray(features, np.float64)
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise ValueError(f"features {features.shape}, expected [n, {len(self.mean)}]")
        if not np.isfinite(features).all():
            raise ValueError("features hold NaN or infinity")
        if len(features):
            mean = features.mean(0)
            self._add(len(features), mean, features - mean)

    def merge(self, other: Gaussian) -> None:
        """Adds all that `other` has seen, such as another worker's share of the pictures.

        Raises:
          ValueError: another width.
        """
        if len(other.mean) != len(self.mean):
            raise ValueError(f"features of width {len(other.mean)}, expected {len(self.mean)}")
        if other.count:
            self._add(other.count, other.mean, other._factor)

    def _add(self, n: int, mean: np.ndarray, rows: np.ndarray) -> None:
        """Adds n vectors of that mean whose scatter matrix is rows' rows."""
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
    """The statistics of features [N, d]."""
    features = np.asarray(features)
    if features.ndim != 2:
        raise ValueError(f"features {features.shape}, expected [n, width]")
    result = Gaussian(features.shape[1])
    for rows in blocks(len(features), _BLOCK):
        result.update(features[rows])
    return result


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """Squared Frechet distance of two Gaussians (Dowson and Landau, 1982).

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), where with S = F'F the last trace is the sum
    of the singular values of F1 F2'.
    """
    first, second = one.factor, other.factor
    shared = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    spread = (first**2).sum() + (second**2).sum() - 2 * shared
    return max(0.0, float(((one.mean - other.mean) ** 2).sum() + spread))


def fid(real: np.ndarray, fake: np.ndarray) -> float:
    """Frechet distance of features [N, d] and [M, d] (Heusel et al., GANs Trained by a Two
    Time-Scale Update Rule, 2017). Biased upwards for small N: compare at equal N only."""
    return frechet_distance(gaussian(real), gaussian(fake))


def fid_interval(
    real: np.ndarray, fake: np.ndarray, *, seed: int = 0, rounds: int = 50
) -> Estimate:
    """FID and value +- 1.96 bootstrap standard deviations, cut at 0.

    Resampled sets repeat pictures, which moves FID's bias: the spread of the resamples is used,
    their place is not.
    """
    rng = np.random.default_rng(seed)
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    # Decompositions this small gain nothing from more threads, and beside other jobs the threads'
    # waiting for each other takes a hundred times as long as the work.
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
    """(x.y / d + 1)^3 of rows [N, d] and [M, d] -> [N, M] (Binkowski et al., 2018)."""
    product = one @ other.T
    product /= one.shape[1]
    product += 1.0
    # `**` takes the way of any exponent, some twenty times as long.
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
      real, fake: features [N, d] and [M, d], N and M at least 2.
      seed: of resampling and of subsets.
      rounds: bootstrap resamples; 0 gives NaN ends.
      subset_size: None takes all pictures at once, the estimate of least variance. A number gives
        the mean of `subsets` estimates on random subsets, as the paper reports it.
      subsets: how many subsets.

    Returns:
      The estimate; it may be slightly negative for equal distributions, being unbiased. Memory is
      O(2048 (N + rounds)), never N x M.
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
    """Squared MMD [B] of B weightings [B, N], [B, M]; a picture is never compared with itself,
    not even with its own second copy in a resample, which keeps the estimate unbiased."""
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
