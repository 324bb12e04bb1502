"""Whether two systems differ by more than noise, decided by the interval of their difference.

Two intervals that overlap say little: the difference of two figures on the same pictures varies
much less than either of them. Where both kept their bootstrap draws of the same resamples, the
draws are subtracted one by one (a paired bootstrap; Koehn, Statistical significance tests for
machine translation evaluation, 2004). Else the facing half intervals are added in quadrature
(Zou and Donner, Construction of confidence limits about effect measures, 2008, equation 5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trainer.metrics.intervals import percentile_interval
from trainer.metrics.result import Metric

PAIRED = "paired, picture by picture"
FROM_BOTH = "from both intervals"
UNKNOWN = "neither figure has an interval"


@dataclass(frozen=True)
class Difference:
    """How a figure moved, in its own unit.

    Attributes:
      change: the new value less the old one.
      low, high: ends of the 95 % interval of the change, or None where there is none.
      how: `PAIRED`, `FROM_BOTH` or `UNKNOWN`: what the interval was made from.
      higher_is_better: the figure's direction of improvement.
    """

    change: float
    low: float | None
    high: float | None
    how: str
    higher_is_better: bool

    @property
    def worse(self) -> float:
        """How much worse the new value is; negative where it is better."""
        return -self.change if self.higher_is_better else self.change

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval excludes 0; without one, whether there is any change."""
        if self.low is None or self.high is None:
            return self.change != 0
        return self.low > 0 or self.high < 0


def difference(now: Metric, before: Metric) -> Difference:
    """Compares one figure of two systems; both values are finite."""
    change, low, high = now.value - before.value, None, None
    if _same_resamples(now, before):
        low, high = percentile_interval(np.subtract(now.draws, before.draws))
        how = PAIRED
    else:
        down = _halves(now.value, now.low, before.high, before.value)
        up = _halves(now.high, now.value, before.value, before.low)
        how = UNKNOWN
        if down is not None and up is not None:
            low, high, how = change - down, change + up, FROM_BOTH
    return Difference(change, low, high, how, now.higher_is_better)


def _same_resamples(now: Metric, before: Metric) -> bool:
    protocol = [
        (one.name, one.n, one.split, one.seed, one.extractor, len(one.draws))
        for one in (now, before)
    ]
    if protocol[0] != protocol[1] or not now.draws:
        return False
    return bool(np.isfinite(np.subtract(now.draws, before.draws)).any())


def _halves(
    upper: float | None, lower: float | None, other_upper: float | None, other_lower: float | None
) -> float | None:
    """Two half intervals in quadrature; one that is not known counts as nothing."""
    found = [
        max(0.0, top - bottom)
        for top, bottom in ((upper, lower), (other_upper, other_lower))
        if top is not None and bottom is not None and math.isfinite(top - bottom)
    ]
    return math.hypot(*found) if found else None
