"""Intervals of figures over pictures, and of the difference of two systems."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, stdtrit

from trainer.metrics.result import Metric

# Intervals of figures over pictures.
#
# Bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993): a figure is written as a
# function of sums over pictures (its sufficient statistics), so that a thousand resamples cost one
# matrix product and no metric is computed a thousand times.
#
# Shares have exact ends (Clopper and Pearson, The use of confidence or fiducial limits illustrated
# in the case of the binomial, 1934): resamples of 1,000 right answers hold no wrong one, and would
# say that there is none. Of figures that repeated pictures would move, such as those of nearest
# neighbours, the variance comes from parts of the pictures (Shao and Wu, A general theory for
# jackknife variance estimation, 1989).


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


# Whether two systems differ by more than noise, decided by the interval of their difference.
#
# Two intervals that overlap say little: the difference of two figures on the same pictures varies
# much less than either of them. Where both kept their bootstrap draws of the same resamples, the
# draws are subtracted one by one (a paired bootstrap; Koehn, Statistical significance tests for
# machine translation evaluation, 2004). Else the facing half intervals are added in quadrature (Zou
# and Donner, Construction of confidence limits about effect measures, 2008, equation 5).
#
# Shares are compared picture by picture too, but by their own ends: where few pictures are wrong,
# draws know too few of them. The facing halves are added with the correlation of both systems
# (Newcombe, Improved confidence intervals for the difference between binomial proportions based on
# paired data, 1998, method 10). The interval holds 0 wherever the exact test of the pictures that
# differ does not exclude it (McNemar's for right or wrong; Fisher's of signs in general).


PAIRED = "paired, picture by picture"
FROM_BOTH = "from both intervals"
UNKNOWN = "neither figure has an interval"

# Steps of the exact test's sums, where differences are no whole numbers.
_STEPS = 20_000


@dataclass(frozen=True)
class Difference:
    """How a figure moved, in its own unit.

    Attributes:
      change: the new value less the old one.
      low, high: ends of the 95 % interval of the change, or None where there is none.
      how: `PAIRED`, `FROM_BOTH` or `UNKNOWN`: what the interval was made from.
      higher_is_better: the figure's direction of improvement; None where it has none.
    """

    change: float
    low: float | None
    high: float | None
    how: str
    higher_is_better: bool | None

    @property
    def worse(self) -> float:
        """How much worse the new value is; negative where it is better. Of a figure without a
        better direction, how far it has moved."""
        if self.higher_is_better is None:
            return abs(self.change)
        return -self.change if self.higher_is_better else self.change

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval excludes 0; without one, whether there is any change."""
        if self.low is None or self.high is None:
            return self.change != 0
        return self.low > 0 or self.high < 0


def difference(now: Metric, before: Metric) -> Difference:
    """Compares one figure of two systems; both values are finite."""
    change, how = now.value - before.value, UNKNOWN
    low: float | None = None
    high: float | None = None
    same = _protocol(now) == _protocol(before)
    down = _halves(now.value, now.low, before.high, before.value)
    up = _halves(now.high, now.value, before.value, before.low)
    if same and now.counts and before.counts and down and up:
        low, high = _of_shares(change, down, up, np.array(now.counts), np.array(before.counts))
        how = PAIRED
    elif same and _have_draws(now, before):
        low, high = percentile_interval(np.subtract(now.draws, before.draws))
        how = PAIRED
    elif down and up:
        low, high, how = change - math.hypot(*down), change + math.hypot(*up), FROM_BOTH
    return Difference(change, low, high, how, now.higher_is_better)


def sign_test(differences: np.ndarray) -> float:
    """Two-sided P that the sum of differences [N] is as far from 0 if each sign is even odds.

    Exact (Fisher, The Design of Experiments, 1935, section 21); for differences of -1, 0 and 1 it
    is McNemar's exact test. Other than whole numbers are taken to a 20,000th of their sum.
    """
    sizes = np.abs(np.asarray(differences, np.float64))
    signs = np.sign(differences)[sizes > 0]
    sizes = sizes[sizes > 0]
    if not np.array_equal(sizes, np.rint(sizes)):
        sizes = sizes / sizes.sum() * _STEPS
    steps = np.rint(sizes).astype(np.int64)
    odds = np.ones(1)
    for step in steps:
        wider = np.zeros(len(odds) + 2 * step)
        wider[: len(odds)] += odds / 2
        wider[2 * step :] += odds / 2
        odds = wider
    sums = np.arange(len(odds)) - len(odds) // 2
    return float(min(1.0, odds[np.abs(sums) >= abs(int((signs * steps).sum()))].sum()))


def _of_shares(
    change: float, down: list[float], up: list[float], now: np.ndarray, before: np.ndarray
) -> tuple[float, float]:
    """Ends of the difference of two shares on the same pictures.

    Args:
      change: their difference.
      down, up: half intervals that face each other when the difference is smaller, or greater.
      now, before: float64 [N, 2], how many things of each picture hold and were judged.
    """
    one, other = (counts[:, 0] - _share(counts) * counts[:, 1] for counts in (now, before))
    scale = math.sqrt((one**2).sum() * (other**2).sum())
    together = float((one * other).sum() / scale) if scale else 0.0
    low, high = change - _joined(down, together), change + _joined(up, together)
    # Under equal shares, what each picture adds to the difference could as well be its negative.
    common = _share(now + before)
    added = [
        (counts[:, 0] - common * counts[:, 1]) / counts[:, 1].sum() for counts in (now, before)
    ]
    moved = np.subtract(*added)
    if np.array_equal(now[:, 1], before[:, 1]):
        moved = now[:, 0] - before[:, 0]
    if sign_test(moved) >= 1 - LEVEL:
        return min(low, 0.0), max(high, 0.0)
    return low, high


def _share(counts: np.ndarray) -> float:
    return float(counts[:, 0].sum() / counts[:, 1].sum())


def _joined(halves: list[float], together: float) -> float:
    """Two half intervals in quadrature, of figures with the correlation `together`."""
    one, other = halves if len(halves) == 2 else (*halves, 0.0)
    return math.sqrt(max(0.0, one**2 + other**2 - 2 * together * one * other))


def _protocol(metric: Metric) -> tuple[object, ...]:
    lengths = len(metric.draws), len(metric.counts)
    return metric.name, metric.n, metric.split, metric.seed, metric.extractor, *lengths


def _have_draws(now: Metric, before: Metric) -> bool:
    return bool(now.draws) and bool(np.isfinite(np.subtract(now.draws, before.draws)).any())


def _halves(
    upper: float | None, lower: float | None, other_upper: float | None, other_lower: float | None
) -> list[float]:
    """The half intervals that are known."""
    return [
        max(0.0, top - bottom)
        for top, bottom in ((upper, lower), (other_upper, other_lower))
        if top is not None and bottom is not None and math.isfinite(top - bottom)
    ]
