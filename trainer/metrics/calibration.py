"""The score from which a recogniser says yes, chosen for each label on held-out pictures."""

from __future__ import annotations

import numpy as np

# A label on fewer held-out pictures takes the threshold of all labels together, and so does one
# whose greatest F1 is smaller: it is hardly seen, and the greatest F1 would claim it everywhere.
FEWEST, LEAST = 10, 0.5
UNDECIDED = 0.5


def best_thresholds(
    scores: np.ndarray, labels: np.ndarray, *, fewest: int = FEWEST, least: float = LEAST
) -> np.ndarray:
    """Returns the thresholds [A] of greatest F1 (Lipton et al. 2014, section 4), float32.

    A threshold lies midway between two neighbouring scores, so that it does not hang on one of
    them; of equally good ones, that with the widest gap is taken, then the highest.

    Args:
      scores: [N, A], 0 to 1.
      labels: [N, A], 0 or 1.
      fewest: a label with fewer positives, or with no negative, takes one threshold for all pairs
        of picture and label; that is 0.5 where even these hold too few positives.
      least: a label whose greatest F1 is smaller takes that threshold too.
    """
    scores, labels = np.asarray(scores, np.float32), np.asarray(labels).astype(bool)
    if scores.shape != labels.shape or scores.ndim != 2:
        raise ValueError(f"scores {scores.shape} and labels {labels.shape} must both be [N, A]")
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinity: no threshold divides them")
    pooled = UNDECIDED
    if labels.sum() >= fewest and not labels.all():
        pooled, _ = _best(scores.ravel(), labels.ravel())
    found = np.full(scores.shape[1], pooled, np.float32)
    for column in range(scores.shape[1]):
        truth = labels[:, column]
        if truth.sum() >= fewest and not truth.all():
            own, f1 = _best(scores[:, column], truth)
            if f1 >= least:
                found[column] = own
    return found


def _best(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """The threshold of greatest F1 of float32 scores [n], and that F1; some of `truth` hold."""
    values, place = np.unique(scores, return_inverse=True)
    positives = np.bincount(place, truth, len(values))[::-1].cumsum()[::-1]
    said = np.bincount(place, minlength=len(values))[::-1].cumsum()[::-1]
    f1 = 2 * positives / (said + positives[0])
    below = np.concatenate([np.zeros(1, np.float32), values[:-1]])
    best = np.flatnonzero(f1 == f1.max())
    chosen = max(best, key=lambda index: (values[index] - below[index], index))
    middle = np.float32((np.float64(below[chosen]) + values[chosen]) / 2)
    # Between neighbouring floats there is no middle.
    return float(middle if middle > below[chosen] else values[chosen]), float(f1.max())
