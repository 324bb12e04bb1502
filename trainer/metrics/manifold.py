"""How well two sets of features cover each other: precision, recall, density, coverage.

The pictures of a set stand for balls around them that reach to their k-th nearest other picture of
the set. Precision and recall: Kynkaanniemi et al., Improved Precision and Recall Metric for
Assessing Generative Models, 2019, equation 1. Density and coverage: Naeem et al., Reliable Fidelity
and Diversity Metrics for Generative Models, 2020, equations 4 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.metrics.intervals import Estimate, bootstrap_mean
from trainer.metrics.neighbours import features_of, nearest_others, rounding, square_distances

PRECISION_K = 3
DENSITY_K = 5


@dataclass(frozen=True)
class Cover:
    """What N real and M generated pictures are to each other.

    Attributes:
      precision: bool [M], the generated picture lies in a ball of some real one.
      recall: bool [N], the real picture lies in a ball of some generated one.
      density: float64 [M], balls of real pictures around the generated one, over their k.
      coverage: bool [N], some generated picture lies in the real one's ball.
    """

    precision: np.ndarray
    recall: np.ndarray
    density: np.ndarray
    coverage: np.ndarray

    def estimates(self, seed: int = 0) -> dict[str, Estimate]:
        """The four means and their intervals over pictures; the balls stay as they are."""
        return {name: bootstrap_mean(values, seed=seed) for name, values in vars(self).items()}

    def values(self) -> dict[str, float]:
        """The four means alone."""
        return {name: float(values.mean()) for name, values in vars(self).items()}


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
    slack = rounding(fake, real)
    real_reach, wide_reach = nearest_others(real, (precision_k, density_k)).T + slack
    fake_reach = nearest_others(fake, (precision_k,))[:, 0] + slack
    n, m = len(real), len(fake)
    precise, density = np.empty(m, bool), np.empty(m)
    recalled, covered = np.zeros(n, bool), np.zeros(n, bool)
    for rows, found in square_distances(fake, real):
        precise[rows] = (found <= real_reach).any(1)
        recalled |= (found <= fake_reach[rows, None]).any(0)
        within = found <= wide_reach
        density[rows] = within.sum(1) / density_k
        covered |= within.any(0)
    return Cover(precise, recalled, density, covered)
