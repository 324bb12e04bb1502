"""Average precision of scores, label by label and over all pairs of picture and label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from trainer.metrics.intervals import (
    Estimate,
    around,
    percentile_interval,
    resamples,
    unless_certain,
)

ROUNDS = 200


def average_precision(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Area under each label's precision-recall steps: float64 [A], NaN without a positive.

    The sum over thresholds of (recall step) x precision (Manning et al., Introduction to
    Information Retrieval, section 8.4); equal scores share one threshold.
    """
    return _areas(_by_label(scores, labels), np.ones((1, len(scores))))[:, 0]


def macro_average_precision(
    scores: np.ndarray, labels: np.ndarray, *, seed: int = 0, rounds: int = ROUNDS
) -> Estimate:
    """Mean `average_precision` over the labels that some picture carries, pictures resampled.

    A resample repeats positives, which raises the figure: the interval lies around the value.

    Args:
      scores, labels: [N, A], labels 0 or 1.
      seed, rounds: of the bootstrap; 0 rounds give NaN ends.

    Raises:
      ValueError: a score is NaN or infinite.
    """
    carried = [one for one in _by_label(scores, labels) if one.truth.any()]
    if not carried:
        return Estimate(float("nan"), float("nan"), float("nan"))
    value = float(_areas(carried, np.ones((1, len(scores)))).mean())
    drawn = [np.nanmean(_areas(carried, block), 0) for block in _blocks(scores, rounds, seed)]
    found = around(value, np.concatenate([*drawn, np.zeros(0)]), 0.0, 1.0)
    return unless_certain(found, _carriers(labels))


def micro_average_precision(
    scores: np.ndarray, labels: np.ndarray, *, seed: int = 0, rounds: int = ROUNDS
) -> Estimate:
    """Average precision of all pairs of picture and label as one ranking, pictures resampled."""
    pictures = np.arange(len(scores)).repeat(np.shape(scores)[1])
    ranking = _Ranking(np.ravel(scores), np.ravel(labels), pictures)
    blocks = (row[None] for block in _blocks(scores, rounds, seed) for row in block)
    value = float(ranking.areas(np.ones((1, len(scores))))[0])
    drawn = [ranking.areas(row) for row in blocks]
    found = Estimate(value, *percentile_interval(np.concatenate([*drawn, np.zeros(0)])))
    return unless_certain(found, _carriers(labels))


class _Ranking:
    """Judged pairs from the highest score down, put in order once for all resamples.

    Attributes:
      truth: float64 [n], 1 for the right ones.
    """

    def __init__(self, scores: np.ndarray, truth: np.ndarray, pictures: np.ndarray):
        """Takes arrays [n]: of each pair the score, whether it is right, and its picture's row."""
        if not np.isfinite(scores).all():
            raise ValueError("scores hold NaN or infinity, which have no place in a ranking")
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        self.truth, self._pictures = np.asarray(truth, np.float64)[order], pictures[order]
        self._last_of_tie = np.append(ranked[1:] != ranked[:-1], True)

    def areas(self, weights: np.ndarray) -> np.ndarray:
        """Average precision [R] under weightings [R, N] of the pictures; NaN for nothing true."""
        weight = weights[:, self._pictures]
        found = np.cumsum(weight * self.truth, 1)[:, self._last_of_tie]
        said = np.cumsum(weight, 1)[:, self._last_of_tie]
        steps = np.diff(found, prepend=0.0, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(said > 0, found / said, 0.0)
            return (steps * precision).sum(1) / found[:, -1]


def _by_label(scores: np.ndarray, labels: np.ndarray) -> list[_Ranking]:
    """One ranking of the pictures for each column of [N, A]."""
    pairs = zip(np.asarray(scores).T, np.asarray(labels).T, strict=True)
    return [_Ranking(*pair, np.arange(len(scores))) for pair in pairs]


def _areas(rankings: Sequence[_Ranking], weights: np.ndarray) -> np.ndarray:
    """Average precision [A, R] of each ranking."""
    return np.array([one.areas(weights) for one in rankings]).reshape(len(rankings), len(weights))


def _carriers(labels: np.ndarray) -> int:
    """Pictures that carry some label."""
    return int(np.asarray(labels).any(1).sum())


def _blocks(scores: np.ndarray, rounds: int, seed: int) -> Iterable[np.ndarray]:
    return resamples(len(scores), rounds, seed) if rounds else ()
