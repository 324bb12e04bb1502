"""Multi-label recognition, and whether a picture shows what its caption names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trainer.metrics.average_precision import average_precision
from trainer.metrics.intervals import Estimate, bootstrap, share, unless_certain


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
