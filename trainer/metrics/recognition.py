"""Multi-label recognition: F1, average precision, thresholds, calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trainer.metrics.intervals import (
    Estimate,
    around,
    bootstrap,
    percentile_interval,
    resamples,
    share,
    unless_certain,
)

# Average precision of scores, label by label and over all pairs of picture and label.


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


# The score from which a recogniser says yes, chosen for each label on held-out pictures.


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


# Whether a recogniser's scores are the frequencies that they claim to be.


BINS, CALIBRATION_ROUNDS = 10, 200


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
    drawn = [
        np.abs(block @ excess).sum(1) / size
        for block in resamples(len(scores), CALIBRATION_ROUNDS, seed)
    ]
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


# Multi-label recognition, and whether a picture shows what its caption names.


@dataclass(frozen=True)
class Recognition:
    """Figures of a multi-label recogniser; the arrays have one entry for each label [A].

    Macro means leave out labels that no picture carries.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    average_precision: np.ndarray
    support: np.ndarray
    micro_precision: float
    micro_recall: float
    micro_f1: Estimate
    macro_precision: float
    macro_recall: float
    macro_f1: Estimate
    mean_average_precision: float
    chance_micro_f1: float
    chance_macro_f1: float


def multilabel(
    scores: np.ndarray, labels: np.ndarray, *, threshold: float | np.ndarray = 0.5, seed: int = 0
) -> Recognition:
    """Judges scores [N, A] against labels [N, A] (0 or 1); a score >= threshold (or [A]) says yes.

    A ratio with nothing in its denominator counts as 0. Chance is a guesser who says yes as often
    as each label holds: its expected precision and recall both equal the label's frequency.
    """
    scores, labels = np.asarray(scores), np.asarray(labels).astype(bool)
    if scores.shape != labels.shape or scores.ndim != 2:
        raise ValueError(f"scores {scores.shape} and labels {labels.shape} must both be [N, A]")
    said = scores >= threshold
    per_picture = np.concatenate([said & labels, said, labels], 1).astype(np.float64)
    hit, yes, support = np.split(per_picture.sum(0), 3)
    carried = support > 0
    # Of each picture, what F1 is the share of: hits on both sides, of what was said and what holds.
    hits, judged = 2.0 * (said & labels).sum(1), said.sum(1) + labels.sum(1)
    frequency = support / max(len(labels), 1)
    return Recognition(
        precision=_over(hit, yes),
        recall=_over(hit, support),
        f1=_f1(hit, yes, support),
        average_precision=average_precision(scores, labels),
        support=support,
        micro_precision=float(_over(hit.sum(), yes.sum())),
        micro_recall=float(_over(hit.sum(), support.sum())),
        micro_f1=(
            share(hits, judged, seed=seed) if judged.any() else Estimate(0.0, math.nan, math.nan)
        ),
        macro_precision=_mean(_over(hit, yes)[carried]),
        macro_recall=_mean(_over(hit, support)[carried]),
        macro_f1=unless_certain(
            bootstrap(per_picture, _macro_f1, seed=seed), int((judged > 0).sum())
        ),
        mean_average_precision=_mean(average_precision(scores, labels)[carried]),
        chance_micro_f1=float(_over((frequency**2).sum(), frequency.sum())),
        chance_macro_f1=_mean(frequency[carried]),
    )


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)


def _f1(hit: np.ndarray, yes: np.ndarray, support: np.ndarray) -> np.ndarray:
    return _over(2 * hit, yes + support)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _macro_f1(sums: np.ndarray) -> np.ndarray:
    hit, yes, support = np.split(sums, 3, -1)
    return _over(_f1(hit, yes, support).sum(-1), (support > 0).sum(-1))


def group_of(attribute: str) -> str:
    """The part before the last colon of `group:value`; "" without a colon."""
    return attribute.rpartition(":")[0]


def kind_of(attribute: str) -> str:
    """The last word of the group: `circle colour:red` is of kind `colour`."""
    return group_of(attribute).rpartition(" ")[2]


@dataclass(frozen=True)
class Pairs:
    """P judged (picture, attribute) pairs.

    Attributes:
      rows: int64 [P], the picture.
      kinds: object [P], the attribute's kind.
      right, chance: float64 [P], 1 where it holds, and what guessing gives.
    """

    rows: np.ndarray
    kinds: np.ndarray
    right: np.ndarray
    chance: np.ndarray


@dataclass(frozen=True)
class Agreement:
    """Which wanted attributes were recognised.

    Attributes:
      estimate: share of the judged (picture, attribute) pairs that hold, pictures resampled.
      chance: expected share of a recogniser that guesses uniformly within each group.
      judged, pictures: number of pairs, and of pictures with at least one.
      unjudged: pairs left out, their attribute unknown or the only value of its group.
      parts, chance_parts: the same shares for each kind of attribute.
      correct, wanted: float64 [N], pairs that hold and pairs judged of each picture.
      pairs: every judged pair by itself; the same ones whatever the scores are.
    """

    estimate: Estimate
    chance: float
    judged: int
    pictures: int
    unjudged: int
    parts: dict[str, float]
    chance_parts: dict[str, float]
    correct: np.ndarray
    wanted: np.ndarray
    pairs: Pairs


def attribute_agreement(
    scores: np.ndarray,
    names: Sequence[str],
    wanted: Sequence[tuple[str, ...]],
    *,
    kind: Callable[[str], str] = kind_of,
    seed: int = 0,
) -> Agreement:
    """Judges scores [N, A] of attributes `names` against the attributes that each caption wants.

    A wanted `group:value` holds if the value has the highest score of its group; where a caption
    wants k values of one group, if it is among the k highest. Chance is k / |values|; parts are by
    `kind`.
    """
    if np.shape(scores) != (len(wanted), len(names)):
        raise ValueError(f"scores {np.shape(scores)}, expected {(len(wanted), len(names))}")
    groups: dict[str, dict[str, int]] = {}
    for column, name in enumerate(names):
        groups.setdefault(group_of(name), {})[name] = column
    verdicts = [
        _judge(row, scores[row], attributes, name, groups.get(group_of(name), {}))
        for row, attributes in enumerate(wanted)
        for name in dict.fromkeys(attributes)
    ]
    judged = [verdict for verdict in verdicts if verdict is not None]
    return _agreement(len(wanted), judged, len(verdicts) - len(judged), kind, seed)


class _Verdict(NamedTuple):
    row: int
    name: str
    right: bool
    chance: float


def _judge(
    row: int,
    scores: np.ndarray,
    attributes: tuple[str, ...],
    name: str,
    group: Mapping[str, int],
) -> _Verdict | None:
    """None for an attribute that is unknown, or the only value of its group (name: column)."""
    if name not in group or len(group) < 2:
        return None
    k = len({other for other in attributes if group_of(other) == group_of(name)})
    # A tie counts against the wanted value, so that equal scores for all are no agreement; so does
    # NaN, which is not less than any.
    right = int((~(scores[list(group.values())] < scores[group[name]])).sum()) <= k
    return _Verdict(row, name, right, min(1.0, k / len(group)))


def _agreement(
    n: int, judged: Sequence[_Verdict], unjudged: int, kind: Callable[[str], str], seed: int
) -> Agreement:
    rows = np.array([verdict.row for verdict in judged], np.int64)
    right = np.array([verdict.right for verdict in judged], np.float64)
    chance = np.array([verdict.chance for verdict in judged], np.float64)
    kinds = np.array([kind(verdict.name) for verdict in judged], dtype=object)
    correct = np.bincount(rows, right, n)
    wanted = np.bincount(rows, minlength=n).astype(np.float64)
    return Agreement(
        estimate=share(correct, wanted, seed=seed),
        chance=_mean(chance),
        judged=len(judged),
        pictures=int((wanted > 0).sum()),
        unjudged=unjudged,
        parts={name: _mean(right[kinds == name]) for name in sorted(set(kinds))},
        chance_parts={name: _mean(chance[kinds == name]) for name in sorted(set(kinds))},
        correct=correct,
        wanted=wanted,
        pairs=Pairs(rows, kinds, right, chance),
    )
