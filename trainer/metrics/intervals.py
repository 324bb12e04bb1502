"""Intervals of figures over pictures.

Bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993): a figure is written as a
function of sums over pictures (its sufficient statistics), so that a thousand resamples cost one
matrix product and no metric is computed a thousand times.

Shares have exact ends (Clopper and Pearson, The use of confidence or fiducial limits illustrated
in the case of the binomial, 1934): resamples of 1,000 right answers hold no wrong one, and would
say that there is none. Of figures that repeated pictures would move, such as those of nearest
neighbours, the variance comes from parts of the pictures (Shao and Wu, A general theory for
jackknife variance estimation, 1989).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, stdtrit

ROUNDS = 1000
LEVEL = 0.95
# Standard deviations of a normal variable on either side that hold 95 % of it.
SIGMAS = 1.96
_CHUNK = 4_000_000
# A share nearer to 0 or 1 is 0 or 1, but for rounding.
_CERTAIN = 1e-9
_LARGEST_PART = 2000


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


class Share(Resampled):
    """The share of judged things that hold, with both numbers picture by picture.

    Attributes:
      counts: float64 [N, 2], of each picture how many things hold and how many were judged.
    """

    counts: np.ndarray


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
    margin = SIGMAS * float(np.std(drawn, ddof=1))
    return Estimate(float(value), max(least, value - margin), min(most, value + margin))


def exact(value: float, n: float) -> tuple[float, float]:
    """Clopper and Pearson's ends for a share `value` of n independent things, n any number."""
    right, wrong, tail = value * n, (1 - value) * n, (1 - LEVEL) / 2
    low = betaincinv(right, wrong + 1, tail) if right > 0 else 0.0
    high = betaincinv(right + 1, wrong, 1 - tail) if wrong > 0 else 1.0
    return float(low), float(high)


def bounded(value: float, variance: float, n: int) -> Estimate:
    """A figure between 0 and 1 with the ends of a share of as many independent things as would vary
    by `variance` (Korn and Graubard, Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data, 1998).

    They are more than the pictures where each gives a share of its own, and fewer where pictures go
    together.

    Args:
      value: the figure; NaN has no ends.
      variance: of the figure; NaN leaves it without ends.
      n: pictures, which count where the figure is 0 or 1 and its variance cannot be seen.
    """
    spread = value * (1 - value)
    if not np.isfinite(spread) or not np.isfinite(variance) or n < 1:
        return Estimate(float(value), float("nan"), float("nan"))
    seen = spread > _CERTAIN and variance > _CERTAIN**2
    return Estimate(float(value), *exact(value, spread / variance if seen else n))


def unless_certain(found: Estimate, n: int) -> Estimate:
    """`found`, a figure between 0 and 1, with the ends of a share of n pictures where it
    is 0 or 1 and no resample could be anything else."""
    value = round(found.value) if np.isfinite(found.value) else 0.5
    if abs(found.value - value) > _CERTAIN or not np.isfinite(found.low) or n < 1:
        return found
    ends = exact(value, n)
    if not isinstance(found, Resampled):
        return Estimate(found.value, *ends)
    made = Resampled(found.value, *ends)
    made.draws = found.draws
    return made


def share(
    hits: np.ndarray, judged: np.ndarray | None = None, *, seed: int, rounds: int = ROUNDS
) -> Estimate:
    """The share of judged things that hold, with exact ends.

    Args:
      hits: float [N], of each picture how many of its things hold, or how far its one does.
      judged: float [N], how many were judged, `hits` at least; None for one of each picture.
      seed, rounds: of the draws that are kept for differences; the ends do not depend on them.

    Returns:
      A `Share`; NaN where nothing was judged, and then without draws.
    """
    hits = np.asarray(hits, np.float64)
    judged = np.ones_like(hits) if judged is None else np.asarray(judged, np.float64)
    counts = np.stack([hits, judged], 1)
    found = bootstrap(counts, ratio, seed=seed, rounds=rounds)
    if not isinstance(found, Resampled):
        return found
    off = hits - found.value * judged
    # Not the unbiased variance: of N right or wrong ones it makes N independent things.
    variance = (off**2).sum() / max(judged.sum(), 1.0) ** 2
    made = Share(*bounded(found.value, variance, int((judged > 0).sum())))
    made.draws, made.counts = found.draws, counts
    return made


def jackknife(
    figures: Callable[..., Sequence[float]],
    *sets: np.ndarray,
    part: float = 0.5,
    least: int,
    seed: int,
    rounds: int,
) -> np.ndarray:
    """Variances [F] of F figures of sets of pictures, from the figures of parts of the sets.

    The delete-d jackknife: a part is drawn without return, so that no picture meets itself. Figures
    of b pictures of n vary n / b times as much, and n / (n - b) times too little because the parts
    overlap.

    Args:
      figures: from one part of each set to the figures.
      sets: arrays of one row a picture.
      part: of each set; less where the largest would leave more than 2,000.
      least: NaN is returned where a part would have fewer rows.
      seed, rounds: of the parts; fewer than 2 rounds give NaN.
    """
    share = min(part, _LARGEST_PART / max(map(len, sets)))
    sizes = [int(share * len(rows)) for rows in sets]
    if min(sizes) < least or rounds < 2:
        return np.full(len(figures(*sets)), np.nan)
    rng = np.random.default_rng(seed)
    drawn = [
        figures(
            *(
                rows[np.sort(rng.permutation(len(rows))[:size])]
                for rows, size in zip(sets, sizes, strict=True)
            )
        )
        for _ in range(rounds)
    ]
    return np.var(np.array(drawn, np.float64), axis=0, ddof=1) * share / (1 - share)


def ratio(sums: np.ndarray) -> np.ndarray:
    """Sums [..., 2] to first over second, NaN where the second is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)


def bootstrap_mean(values: np.ndarray, *, seed: int, rounds: int = ROUNDS) -> Estimate:
    """The mean of values [N] with its interval."""
    values = np.asarray(values, np.float64)
    return bootstrap(np.stack([values, np.ones_like(values)], 1), ratio, seed=seed, rounds=rounds)


def mean_of_few(values: np.ndarray, *, seed: int, rounds: int = ROUNDS) -> Estimate:
    """`bootstrap_mean` of values [N], its ends moved out to Student's: of few values, resamples
    vary too little. NaN ends for a single value."""
    found, n = bootstrap_mean(values, seed=seed, rounds=rounds), len(values)
    if not isinstance(found, Resampled):
        return found
    factor = stdtrit(n - 1, (1 + LEVEL) / 2) / SIGMAS * np.sqrt(n / (n - 1)) if n > 1 else np.nan
    ends = (float(found.value + factor * (end - found.value)) for end in found[1:])
    made = Resampled(found.value, *ends)
    made.draws = found.draws
    return made


def bootstrap_ratio(
    numerators: np.ndarray, denominators: np.ndarray, *, seed: int, rounds: int = ROUNDS
) -> Estimate:
    """Sum of numerators [N] over sum of denominators [N], pictures resampled as a whole."""
    statistics = np.stack([numerators, denominators], 1)
    return bootstrap(statistics, ratio, seed=seed, rounds=rounds)
