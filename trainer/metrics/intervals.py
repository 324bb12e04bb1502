"""Bootstrap intervals over pictures (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).

A figure is written as a function of sums over pictures (its sufficient statistics), so that a
thousand resamples cost one matrix product and no metric is computed a thousand times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

ROUNDS = 1000
LEVEL = 0.95
_CHUNK = 4_000_000


class Estimate(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


class Resampled(Estimate):
    """An estimate that keeps its resamples; it unpacks and compares like any other.

    Attributes:
      draws: float64 [rounds], the figure of each resample. Equal N and seeds resample the same
        rows, so that draws of two systems on the same pictures can be subtracted one by one.
    """

    draws: np.ndarray


def resamples(n: int, rounds: int, seed: int) -> Iterator[np.ndarray]:
    """Yields float64 [r, n] blocks, `rounds` rows in all: how often each of n items was drawn."""
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // n)
    for start in range(0, rounds, step):
        rows = min(step, rounds - start)
        drawn = rng.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def percentile_interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """The central `level` share of the bootstrap values; NaNs (empty resamples) are left out."""
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap(
    statistics: np.ndarray,
    value: Callable[[np.ndarray], np.ndarray],
    *,
    seed: int,
    rounds: int = ROUNDS,
    level: float = LEVEL,
) -> Estimate:
    """Estimates a figure that depends on its pictures through sums alone.

    Args:
      statistics: float [N, K], the sufficient statistics of each picture.
      value: maps sums [..., K] to figures [...]; must be vectorised over the leading axes.
      seed: of the resampling.
      rounds: number of resamples; 0 gives NaN ends.
      level: share of the resamples inside the interval.

    Returns:
      The figure of all pictures and its percentile interval, with its draws; NaN for N = 0, and
      then without draws.
    """
    statistics = np.asarray(statistics, np.float64)
    if not len(statistics):
        return Estimate(float("nan"), float("nan"), float("nan"))
    drawn = [value(block @ statistics) for block in resamples(len(statistics), rounds, seed)]
    draws = np.concatenate([np.empty(0), *drawn])
    found = Resampled(float(value(statistics.sum(0))), *percentile_interval(draws, level))
    found.draws = draws
    return found


def around(
    value: float, drawn: np.ndarray, least: float = -np.inf, most: float = np.inf
) -> Estimate:
    """`value` +- 1.96 standard deviations of its bootstrap values `drawn`, within least and most.

    For figures whose place, not only whose spread, changes when a resample repeats pictures.
    """
    if len(drawn) < 2:
        return Estimate(float(value), float("nan"), float("nan"))
    margin = 1.96 * float(np.std(drawn, ddof=1))
    return Estimate(float(value), max(least, value - margin), min(most, value + margin))


def ratio(sums: np.ndarray) -> np.ndarray:
    """Sums [..., 2] to first over second, NaN where the second is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)


def bootstrap_mean(values: np.ndarray, *, seed: int, rounds: int = ROUNDS) -> Estimate:
    """The mean of values [N] with its interval."""
    values = np.asarray(values, np.float64)
    return bootstrap(np.stack([values, np.ones_like(values)], 1), ratio, seed=seed, rounds=rounds)


def bootstrap_ratio(
    numerators: np.ndarray, denominators: np.ndarray, *, seed: int, rounds: int = ROUNDS
) -> Estimate:
    """Sum of numerators [N] over sum of denominators [N], pictures resampled as a whole."""
    statistics = np.stack([numerators, denominators], 1)
    return bootstrap(statistics, ratio, seed=seed, rounds=rounds)
