"""Multi-label recognition: average precision, thresholds, calibration, F1, attribute agreement."""

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

# Average precision, per label and over all pairs of picture and label.


ROUNDS = 200


def average_precision(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Area under each label's precision-recall curve.

    The sum over thresholds of (recall step) x precision (Manning et al., Introduction to
    Information Retrieval, section 8.4); equal scores share one threshold.

    Args:
      scores: float [N, A].
      labels: [N, A], 0 or 1.

    Returns:
      float64 [A]; NaN for labels without a positive.

    Raises:
      ValueError: a score is NaN or infinite.
    """
    return _areas(_by_label(scores, labels), np.ones((1, len(scores))))[:, 0]


def macro_average_precision(
    scores: np.ndarray, labels: np.ndarray, *, seed: int = 0, rounds: int = ROUNDS
) -> Estimate:
    """Mean `average_precision` over the labels that have a positive.

    A bootstrap resample repeats positives, which biases the metric upwards, so the interval is the
    value +- 1.96 bootstrap standard deviations.

    Args:
      scores: float [N, A].
      labels: [N, A], 0 or 1.
      seed, rounds: of the bootstrap over pictures; 0 rounds give NaN ends.

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
    """Average precision of all pairs of picture and label in one ranking.

    Args:
      scores: float [N, A].
      labels: [N, A], 0 or 1.
      seed, rounds: of the bootstrap over pictures; 0 rounds give NaN ends.

    Raises:
      ValueError: a score is NaN or infinite.
    """
    pictures = np.arange(len(scores)).repeat(np.shape(scores)[1])
    ranking = _Ranking(np.ravel(scores), np.ravel(labels), pictures)
    blocks = (row[None] for block in _blocks(scores, rounds, seed) for row in block)
    value = float(ranking.areas(np.ones((1, len(scores))))[0])
    drawn = [ranking.areas(row) for row in blocks]
    found = Estimate(value, *percentile_interval(np.concatenate([*drawn, np.zeros(0)])))
    return unless_certain(found, _carriers(labels))


class _Ranking:
    """Pairs of picture and label by descending score, sorted once for all resamples.

    Attributes:
      truth: float64 [n], 1 for positives.
    """

    def __init__(self, scores: np.ndarray, truth: np.ndarray, pictures: np.ndarray):
        """Takes arrays [n]: each pair's score, whether it is a positive, and its picture's row."""
        if not np.isfinite(scores).all():
            raise ValueError("scores hold NaN or infinity, which have no place in a ranking")
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        self.truth, self._pictures = np.asarray(truth, np.float64)[order], pictures[order]
        self._last_of_tie = np.append(ranked[1:] != ranked[:-1], True)

    def areas(self, weights: np.ndarray) -> np.ndarray:
        """Average precision [R] under weights [R, N] of the pictures; NaN without a positive."""
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
    """Number of pictures with a label."""
    return int(np.asarray(labels).any(1).sum())


def _blocks(scores: np.ndarray, rounds: int, seed: int) -> Iterable[np.ndarray]:
    return resamples(len(scores), rounds, seed) if rounds else ()


# Decision thresholds, chosen for each label on held-out pictures.


# A label with fewer positives takes the threshold of all labels together, and so does one whose
# best F1 is lower: it is hardly recognised, and its best F1 is that of predicting it everywhere.
FEWEST, LEAST = 10, 0.5
UNDECIDED = 0.5


def best_thresholds(
    scores: np.ndarray, labels: np.ndarray, *, fewest: int = FEWEST, least: float = LEAST
) -> np.ndarray:
    """Thresholds that maximise F1 (Lipton et al. 2014, section 4).

    A threshold is the midpoint between two neighbouring scores. Of equally good ones, that with the
    widest gap is taken, then the highest.

    Args:
      scores: float [N, A], 0 to 1.
      labels: [N, A], 0 or 1.
      fewest: a label with fewer positives, or without a negative, takes the threshold of all pairs
        of picture and label together; that is 0.5 if these have too few positives or no negative.
      least: a label whose best F1 is lower takes that threshold too.

    Returns:
      float32 [A].

    Raises:
      ValueError: shapes differ, or a score is NaN or infinite.
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
    """The threshold of the best F1 for float32 scores [n] and bool `truth` [n] with a positive, and
    that F1."""
    values, place = np.unique(scores, return_inverse=True)
    positives = np.bincount(place, truth, len(values))[::-1].cumsum()[::-1]
    said = np.bincount(place, minlength=len(values))[::-1].cumsum()[::-1]
    f1 = 2 * positives / (said + positives[0])
    below = np.concatenate([np.zeros(1, np.float32), values[:-1]])
    best = np.flatnonzero(f1 == f1.max())
    chosen = max(best, key=lambda index: (values[index] - below[index], index))
    middle = np.float32((np.float64(below[chosen]) + values[chosen]) / 2)
    # Adjacent floats have no midpoint.
    return float(middle if middle > below[chosen] else values[chosen]), float(f1.max())


# Calibration: whether scores match the observed frequencies.


BINS, CALIBRATION_ROUNDS = 10, 200


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram (DeGroot and Fienberg, 1983).

    Attributes:
      low, high: bounds of its scores; `low` is included, `high` only in the last bin.
      count: number of pairs of picture and label with such a score.
      score, frequency: their mean score, and the fraction of positives; None without a pair.
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
      label_errors: float64 [A], the error of each label alone.
      bins: the reliability diagram.
      chance: the expected error of scores drawn uniformly from 0 to 1.
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
    section 2, applied to each binary decision) is the mean over pairs of |mean score - frequency|
    in the pair's bin. Its interval is the value +- 1.96 bootstrap standard deviations over
    pictures, because repeated pictures widen the gaps.

    Args:
      scores: float [N, A], 0 to 1.
      labels: [N, A], 0 or 1.
      bins: number of bins.
      seed: of the bootstrap.

    Raises:
      ValueError: shapes differ, there is no pair, or a score is outside 0 to 1.
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
    """Sums each row of values [R, C] by the bins `place` [R, C]: float64 [R, bins]."""
    rows = np.arange(len(place))[:, None] * bins
    sums = np.bincount((rows + place).ravel(), values.ravel(), len(place) * bins)
    return sums.reshape(len(place), bins)


# F1, and whether a picture shows the attributes that its caption names.


@dataclass(frozen=True)
class Recognition:
    """Metrics of a multi-label recogniser; the arrays are float64 [A], one entry for each label.

    Macro means leave out labels without a positive.
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
    """Precision, recall and F1 of each label, and their micro and macro means.

    A ratio with denominator 0 counts as 0. Chance is a random guesser that predicts each label with
    its frequency: its expected precision and recall both equal that frequency.

    Args:
      scores: float [N, A].
      labels: [N, A], 0 or 1.
      threshold: a number or float [A]; scores of at least this value are positive.
      seed: of the bootstrap over pictures.

    Raises:
      ValueError: shapes differ, or a score is NaN or infinite.
    """
    scores, labels = np.asarray(scores), np.asarray(labels).astype(bool)
    if scores.shape != labels.shape or scores.ndim != 2:
        raise ValueError(f"scores {scores.shape} and labels {labels.shape} must both be [N, A]")
    said = scores >= threshold
    per_picture = np.concatenate([said & labels, said, labels], 1).astype(np.float64)
    hit, yes, support = np.split(per_picture.sum(0), 3)
    carried = support > 0
    # F1 as a fraction, per picture: twice the hits over predictions plus labels.
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
    """The group of an attribute `group:value`: the part before the last colon, or ""."""
    return attribute.rpartition(":")[0]


def kind_of(attribute: str) -> str:
    """The last word of the group: `circle colour:red` is of kind `colour`."""
    return group_of(attribute).rpartition(" ")[2]


@dataclass(frozen=True)
class Pairs:
    """P judged (picture, attribute) pairs.

    Attributes:
      rows: int64 [P], the picture's row.
      kinds: object [P], the attribute's kind.
      right: float64 [P], 1 if the pair holds, else 0.
      chance: float64 [P], the probability that a guess is right.
    """

    rows: np.ndarray
    kinds: np.ndarray
    right: np.ndarray
    chance: np.ndarray


@dataclass(frozen=True)
class Agreement:
    """Which of the attributes that captions name were recognised.

    Attributes:
      estimate: fraction of the judged (picture, attribute) pairs that hold.
      chance: expected fraction of a recogniser that guesses uniformly within each group.
      judged, pictures: number of judged pairs, and of pictures with at least one.
      unjudged: pairs left out because the attribute is unknown or the only value of its group.
      parts, chance_parts: the same fractions for each kind of attribute.
      correct, wanted: float64 [N], pairs that hold and pairs judged, for each picture.
      pairs: all judged pairs; which pairs are judged does not depend on the scores.
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
    """Compares attribute scores with the attributes that each caption names (after Hinz et al.
    2019).

    A wanted `group:value` holds if its score is the highest of its group, or among the k highest if
    the caption names k values of the group. Chance is k / |values|.

    Args:
      scores: float [N, A].
      names: the A attributes.
      wanted: for each of N pictures, the attributes that its caption names.
      kind: maps an attribute to the kind that `parts` are grouped by.
      seed: of the bootstrap draws.

    Raises:
      ValueError: `scores` has another shape.
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
    """Judges the attribute `name` of a picture; `group` maps the values of its group to columns.

    Returns None for an attribute that is unknown or the only value of its group.
    """
    if name not in group or len(group) < 2:
        return None
    k = len({other for other in attributes if group_of(other) == group_of(name)})
    # Negated, so that ties and NaN count against the wanted value: equal scores are no agreement.
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
