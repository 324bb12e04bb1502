"""Average precision of scores, label by label and over all pairs of picture and label."""

from __future__ import annotations

import numpy as np

from trainer.metrics.intervals import Estimate, percentile_interval, resamples

ROUNDS = 200


def average_precision(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Area under each label's precision-recall steps: float64 [A], NaN without a positive.

    The sum over thresholds of (recall step) x precision (Manning et al., Introduction to
    Information Retrieval, section 8.4); equal scores share one threshold.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    once = np.ones((1, len(scores)))
    return np.array([_area(*pair, once)[0] for pair in zip(scores.T, labels.T, strict=True)])


def macro_average_precision(
    scores: np.ndarray, labels: np.ndarray, *, seed: int = 0, rounds: int = ROUNDS
) -> Estimate:
    """Mean `average_precision` over the labels that some picture carries, pictures resampled.

    Args:
      scores, labels: [N, A], labels 0 or 1.
      seed, rounds: of the bootstrap; 0 rounds give NaN ends.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    areas = average_precision(scores, labels)
    carried = np.isfinite(areas)
    if not carried.any():
        return Estimate(float("nan"), float("nan"), float("nan"))
    drawn = []
    for block in resamples(len(scores), rounds, seed) if rounds else ():
        pairs = zip(scores.T[carried], labels.T[carried], strict=True)
        drawn.append(np.nanmean([_area(*pair, block) for pair in pairs], axis=0))
    return _estimate(float(areas[carried].mean()), drawn)


def micro_average_precision(
    scores: np.ndarray, labels: np.ndarray, *, seed: int = 0, rounds: int = ROUNDS
) -> Estimate:
    """Average precision of all pairs of picture and label as one ranking, pictures resampled."""
    scores, labels = np.asarray(scores), np.asarray(labels)
    flat = scores.ravel(), labels.ravel()
    drawn = [
        _area(*flat, row[None].repeat(scores.shape[1], 1))
        for block in (resamples(len(scores), rounds, seed) if rounds else ())
        for row in block
    ]
    return _estimate(float(_area(*flat, np.ones((1, scores.size)))[0]), drawn)


def _estimate(value: float, drawn: list[np.ndarray]) -> Estimate:
    return Estimate(value, *percentile_interval(np.concatenate(drawn or [np.zeros(0)])))


def _area(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision [R] of scores [n] and truth [n] under weightings [R, n]; NaN for nothing
    true."""
    order = np.argsort(-scores, kind="stable")
    ranked, weight = scores[order], weights[:, order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    found = np.cumsum(weight * truth[order], 1)[:, last_of_tie]
    said = np.cumsum(weight, 1)[:, last_of_tie]
    steps = np.diff(found, prepend=0.0, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(said > 0, found / said, 0.0)
        return (steps * precision).sum(1) / found[:, -1]
