"""How well two sets of features cover each other: precision, recall, density, coverage.

The pictures of a set stand for balls around them that reach to their k-th nearest other picture of
the set. Precision and recall: Kynkaanniemi et al., Improved Precision and Recall Metric for
Assessing Generative Models, 2019, equation 1. Density and coverage: Naeem et al., Reliable Fidelity
and Diversity Metrics for Generative Models, 2020, equations 4 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.metrics.intervals import SIGMAS, Estimate, bounded, jackknife
from trainer.metrics.neighbours import features_of, nearest_others, rounding, square_distances

PRECISION_K = 3
DENSITY_K = 5
ROUNDS = 50
# Parts of the sets whose figures tell the variance. Larger parts make the intervals of the shares
# half as wide again. Density grows with the number of balls, and smaller parts make its interval
# too narrow.
PART, PART_FOR_DENSITY = 0.5, 0.75
FIGURES = ("precision", "recall", "density", "coverage")


@dataclass(frozen=True)
class Cover:
    """What N real and M generated pictures are to each other.

    Attributes:
      real, fake: float64 [N, d] and [M, d], their features.
      precision_k, density_k: how far the balls reach.
      precision: bool [M], the generated picture lies in a ball of some real one.
      recall: bool [N], the real picture lies in a ball of some generated one.
      density: float64 [M], balls of real pictures around the generated one, over their k.
      coverage: bool [N], some generated picture lies in the real one's ball.
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

        Each picture takes part in its neighbours' balls, and a picture drawn twice would be its own
        neighbour: the variance is that of parts of both sets, with balls of their own. Without ends
        where a part has too few pictures for its balls.
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
    """Compares features [N, d] of real and [M, d] of generated pictures.

    Args:
      real, fake: more rows than either k.
      precision_k: of the balls of precision and recall.
      density_k: of the balls of density and coverage.

    Returns:
      One verdict for each picture. Memory is O(1024 (N + M)), never N x M.

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
    """Density is a mean of any size, whose spread grows with it. The others are shares of n
    pictures or more."""
    if name != "density":
        return bounded(value, variance, n)
    if not value:
        return Estimate(value, np.nan, np.nan)
    factor = float(np.exp(SIGMAS * np.sqrt(variance) / value))
    return Estimate(value, value / factor, value * factor)
