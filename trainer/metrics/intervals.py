"""Confidence intervals of metrics over pictures, and of the difference between two systems."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, stdtrit

from trainer.metrics.result import Metric

# Confidence intervals of metrics over pictures.
#
# Bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993): a metric is written as a
# function of sums over pictures (its sufficient statistics), so that a thousand resamples cost one
# matrix product and no metric is computed a thousand times.
#
# Fractions have exact intervals (Clopper and Pearson, The use of confidence or fiducial limits
# illustrated in the case of the binomial, 1934): resamples of 1,000 right answers never contain a
# wrong one, so a bootstrap interval would have width 0. Metrics that repeated pictures would bias,
# such as those of nearest neighbours, take their variance from subsets of the pictures (Shao and
# Wu, A general theory for jackknife variance estimation, 1989).


ROUNDS = 1000
LEVEL = 0.95
# 95 % of a normal distribution lies within this many standard deviations of the mean.
SIGMAS = 1.96
_CHUNK = 4_000_000
# A fraction closer to 0 or 1 than this differs from it only by rounding.
_CERTAIN = 1e-9
_LARGEST_PART = 2000


class Estimate(NamedTuple):
    """A value and the ends of its confidence interval; NaN where there is none."""

    value: float
    low: float
    high: float


class Resampled(Estimate):
    """An estimate with its bootstrap values; it unpacks and compares like a plain one.

    Attributes:
      draws: float64 [rounds], the metric of each resample. Equal N and seeds resample the same
        rows, so the draws of two systems on the same pictures can be subtracted one by one.
    """

    draws: np.ndarray


class Share(Resampled):
    """The fraction of judged items that hold, with the counts of each picture.

    Attributes:
      counts: float64 [N, 2], for each picture how many items hold and how many were judged.
    """

    counts: np.ndarray


def resamples(n: int, rounds: int, seed: int) -> Iterator[np.ndarray]:
    """Yields bootstrap resamples of n items as counts.

    Args:
      n: number of items.
      rounds: number of resamples.
      seed: of the draws.

    Yields:
      float64 [r, n] blocks, `rounds` rows in total: how often each item was drawn.
    """
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // n)
    for start in range(0, rounds, step):
        rows = min(step, rounds - start)
        drawn = rng.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def percentile_interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Ends of the central interval with a fraction `level` of the bootstrap values [rounds].

    Values that are not finite (empty resamples) are left out; without any left, both ends are NaN.
    """
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
    """Bootstraps a metric that is a function of sums over pictures.

    Args:
      statistics: float [N, K], the sufficient statistics of each picture.
      value: maps sums [..., K] to metrics [...]; must be vectorised over the leading axes.
      seed: of the resampling.
      rounds: number of resamples; 0 gives NaN ends.
      level: fraction of the resamples inside the interval.

    Returns:
      A `Resampled`: the metric of all pictures, its percentile interval and its draws. For N = 0,
      an `Estimate` of NaN without draws.
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
    """`value` +- 1.96 standard deviations of its bootstrap values `drawn`, cut at least and most.

    For metrics that repeated pictures bias: the resamples have the right spread but not the right
    mean.
    """
    if len(drawn) < 2:
        return Estimate(float(value), float("nan"), float("nan"))
    margin = SIGMAS * float(np.std(drawn, ddof=1))
    return Estimate(float(value), max(least, value - margin), min(most, value + margin))


def exact(value: float, n: float) -> tuple[float, float]:
    """Clopper and Pearson's interval of a fraction `value` of n independent items; n need not be
    an integer."""
    right, wrong, tail = value * n, (1 - value) * n, (1 - LEVEL) / 2
    low = betaincinv(right, wrong + 1, tail) if right > 0 else 0.0
    high = betaincinv(right + 1, wrong, 1 - tail) if wrong > 0 else 1.0
    return float(low), float(high)


def bounded(value: float, variance: float, n: int) -> Estimate:
    """Exact interval of a metric in [0, 1] by its effective sample size (Korn and Graubard,
    Confidence intervals for proportions with small expected number of positive counts estimated
    from survey data, 1998).

    The effective sample size is the number of independent items whose fraction would have the
    given variance. It exceeds the number of pictures if each contributes a fraction, and is
    smaller if pictures are correlated.

    Args:
      value: the metric; NaN has no interval.
      variance: of the metric; NaN gives no interval.
      n: number of pictures, the sample size where the metric is 0 or 1 and so has no variance.
    """
    spread = value * (1 - value)
    if not np.isfinite(spread) or not np.isfinite(variance) or n < 1:
        return Estimate(float(value), float("nan"), float("nan"))
    seen = spread > _CERTAIN and variance > _CERTAIN**2
    return Estimate(float(value), *exact(value, spread / variance if seen else n))


def unless_certain(found: Estimate, n: int) -> Estimate:
    """Returns `found`, a metric in [0, 1]; if it is exactly 0 or 1, where resamples do not vary,
    with the exact interval of a fraction of n pictures."""
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
    """The fraction of judged items that hold, with an exact interval.

    Args:
      hits: float [N], how many items of each picture hold; with one item each, values between 0
        and 1 count partially.
      judged: float [N], how many items of each picture were judged, at least `hits`; None for one
        each.
      seed, rounds: of the draws kept for differences; the interval does not depend on them.

    Returns:
      A `Share`, NaN if nothing was judged. For N = 0, an `Estimate` of NaN without draws.
    """
    hits = np.asarray(hits, np.float64)
    judged = np.ones_like(hits) if judged is None else np.asarray(judged, np.float64)
    counts = np.stack([hits, judged], 1)
    found = bootstrap(counts, ratio, seed=seed, rounds=rounds)
    if not isinstance(found, Resampled):
        return found
    off = hits - found.value * judged
    # The biased variance: N right or wrong items then have an effective sample size of N.
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
    """Variances [F] of F metrics of sets of pictures, by the delete-d jackknife.

    Subsets are drawn without replacement, so no picture is its own neighbour. Metrics of b of n
    pictures vary n / b times as much as those of all, and n / (n - b) times too little because the
    subsets overlap.

    Args:
      figures: maps one subset of each set to the F metrics.
      sets: arrays with one row a picture.
      part: fraction of each set in a subset; less where the largest would exceed 2,000 rows.
      least: the result is NaN if a subset would have fewer rows.
      seed: of the subsets.
      rounds: number of subsets; fewer than 2 give NaN.

    Returns:
      float64 [F].
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
    """First over second of sums [..., 2]: float64 [...], NaN where the second is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)


def bootstrap_mean(values: np.ndarray, *, seed: int, rounds: int = ROUNDS) -> Estimate:
    """The mean of values [N] with its bootstrap interval."""
    values = np.asarray(values, np.float64)
    return bootstrap(np.stack([values, np.ones_like(values)], 1), ratio, seed=seed, rounds=rounds)


def mean_of_few(values: np.ndarray, *, seed: int, rounds: int = ROUNDS) -> Estimate:
    """`bootstrap_mean` of values [N] with the interval widened to Student's t, because resamples of
    few values vary too little. NaN ends for a single value."""
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
    """Sum of numerators [N] over sum of denominators [N]; the bootstrap resamples pictures."""
    statistics = np.stack([numerators, denominators], 1)
    return bootstrap(statistics, ratio, seed=seed, rounds=rounds)


# Whether two systems differ by more than noise, decided by the interval of their difference.
#
# Overlapping intervals prove little: the difference of two metrics on the same pictures varies much
# less than either metric. If both have bootstrap draws of the same resamples, the draws are
# subtracted one by one (paired bootstrap; Koehn, Statistical significance tests for machine
# translation evaluation, 2004). Otherwise the facing half intervals are added in quadrature (Zou
# and Donner, Construction of confidence limits about effect measures, 2008, equation 5).
#
# Fractions are paired by picture too, but from their exact intervals: if few pictures are wrong,
# the draws contain too few of them. The facing halves are combined with the correlation of both
# systems (Newcombe, Improved confidence intervals for the difference between binomial proportions
# based on paired data, 1998, method 10). The interval contains 0 unless an exact test on the
# differing pictures rejects it (McNemar's test for right or wrong, Fisher's sign test in general).


PAIRED = "paired, picture by picture"
FROM_BOTH = "from both intervals"
UNKNOWN = "neither figure has an interval"

# Resolution of the exact test's sums if differences are not integers.
_STEPS = 20_000


@dataclass(frozen=True)
class Difference:
    """The change of a metric, in its own unit.

    Attributes:
      change: the new value minus the old one.
      low, high: ends of the 95 % interval of the change, or None without one.
      how: `PAIRED`, `FROM_BOTH` or `UNKNOWN`: how the interval was computed.
      higher_is_better: the metric's direction of improvement; None if it has none.
    """

    change: float
    low: float | None
    high: float | None
    how: str
    higher_is_better: bool | None

    @property
    def worse(self) -> float:
        """How much worse the new value is; negative if it is better. For a metric without a
        direction, the absolute change."""
        if self.higher_is_better is None:
            return abs(self.change)
        return -self.change if self.higher_is_better else self.change

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval excludes 0; without an interval, whether there is any change."""
        if self.low is None or self.high is None:
            return self.change != 0
        return self.low > 0 or self.high < 0


def difference(now: Metric, before: Metric) -> Difference:
    """Compares one metric of two systems.

    Args:
      now, before: the metric of the new and of the old system; both values must be finite.
    """
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
    """Two-sided p-value of the sum of paired differences, if either sign is equally likely.

    Exact (Fisher, The Design of Experiments, 1935, section 21); for differences of -1, 0 and 1 it
    is McNemar's exact test. Differences that are not integers are rounded to a 20,000th of the sum
    of their absolute values.

    Args:
      differences: float [N].
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
    """Interval of the difference of two fractions on the same pictures.

    Args:
      change: their difference.
      down, up: half intervals that bound the difference from below, and from above.
      now, before: float64 [N, 2], how many items of each picture hold and were judged.
    """
    one, other = (counts[:, 0] - _share(counts) * counts[:, 1] for counts in (now, before))
    scale = math.sqrt((one**2).sum() * (other**2).sum())
    together = float((one * other).sum() / scale) if scale else 0.0
    low, high = change - _joined(down, together), change + _joined(up, together)
    # If both fractions are equal, each picture's contribution has either sign equally likely.
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
    """Two half intervals of metrics with the correlation `together`, combined in quadrature."""
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
