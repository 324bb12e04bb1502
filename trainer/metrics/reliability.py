"""Whether a recogniser's scores are the frequencies that they claim to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.metrics.intervals import Estimate, around, resamples

BINS, ROUNDS = 10, 200


@dataclass(frozen=True)
class Bin:
    """One bar of a reliability diagram (DeGroot and Fienberg, 1983).

    Attributes:
      low, high: the scores in it, `low` included (and 1 in the last).
      count: pairs of picture and label with such a score.
      score, frequency: their mean score, and the share of them that hold; None for no pair.
    """

    low: float
    high: float
    count: int
    score: float | None
    frequency: float | None


@dataclass(frozen=True)
class Reliability:
    """Calibration of a multi-label recogniser.

    Attributes:
      error: expected calibration error over all pairs of picture and label.
      label_errors: float64 [A], that of each label by itself.
      bins: the reliability diagram.
      chance: the expected error of scores drawn uniformly between 0 and 1.
    """

    error: Estimate
    label_errors: np.ndarray
    bins: tuple[Bin, ...]
    chance: float


def reliability(
    scores: np.ndarray, labels: np.ndarray, *, bins: int = BINS, seed: int = 0
) -> Reliability:
    """Compares scores with frequencies in bins of equal width.

    The expected calibration error (Guo et al., On calibration of modern neural networks, 2017,
    section 2, of each yes or no) is the mean over pairs of |mean score - frequency| of the pair's
    bin. Its interval is the value +- 1.96 bootstrap standard deviations of pictures, because gaps
    grow when pictures repeat.

    Args:
      scores: [N, A], 0 to 1.
      labels: [N, A], 0 or 1.
      bins: how many.
      seed: of the resampling.

    Raises:
      ValueError: shapes that differ, no pair at all, or a score outside 0 to 1.
    """
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels, np.float64)
    if scores.shape != labels.shape or scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores {scores.shape} and labels {labels.shape} must both be [N, A]")
    if not (scores.min() >= 0 and scores.max() <= 1):
        raise ValueError(f"scores from {scores.min()} to {scores.max()}; they must be 0 to 1")
    place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    excess = _by_bin(place, scores - labels, bins)
    gap, size = excess.sum(0), scores.size
    drawn = [np.abs(block @ excess).sum(1) / size for block in resamples(len(scores), ROUNDS, seed)]
    counts = _by_bin(place, np.ones_like(scores), bins).sum(0)
    said, held = (_by_bin(place, values, bins).sum(0) for values in (scores, labels))
    frequency = labels.mean()
    return Reliability(
        error=around(float(np.abs(gap).sum() / size), np.concatenate(drawn), 0.0, 1.0),
        label_errors=np.abs(_by_bin(place.T, (scores - labels).T, bins)).sum(1) / len(scores),
        bins=tuple(
            Bin(
                low=index / bins,
                high=(index + 1) / bins,
                count=int(count),
                score=float(said[index] / count) if count else None,
                frequency=float(held[index] / count) if count else None,
            )
            for index, count in enumerate(counts)
        ),
        chance=float(np.abs((np.arange(bins) + 0.5) / bins - frequency).mean()),
    )


def _by_bin(place: np.ndarray, values: np.ndarray, bins: int) -> np.ndarray:
    """Sums of each row's values [R, C] in the bins `place` [R, C]: float64 [R, bins]."""
    rows = np.arange(len(place))[:, None] * bins
    sums = np.bincount((rows + place).ravel(), values.ravel(), len(place) * bins)
    return sums.reshape(len(place), bins)
