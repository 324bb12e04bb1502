"""Whether two systems differ by more than noise, decided by the interval of their difference.

Two intervals that overlap say little: the difference of two figures on the same pictures varies
much less than either of them. Where both kept their bootstrap draws of the same resamples, the
draws are subtracted one by one (a paired bootstrap; Koehn, Statistical significance tests for
machine translation evaluation, 2004). Else the facing half intervals are added in quadrature
(Zou and Donner, Construction of confidence limits about effect measures, 2008, equation 5).

Shares are compared picture by picture too, but by their own ends: where few pictures are wrong,
draws know too few of them. The facing halves are added with the correlation of both systems
(Newcombe, Improved confidence intervals for the difference between binomial proportions based on
paired data, 1998, method 10). The interval holds 0 wherever the exact test of the pictures that
differ does not exclude it (McNemar's for right or wrong; Fisher's of signs in general).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trainer.metrics.intervals import LEVEL, percentile_interval
from trainer.metrics.result import Metric

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
