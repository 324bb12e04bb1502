"""Figures of parts of the examples: one language, one kind of attribute, long captions alone.

A slice is a Metric of its own, named after the figure, what it is sliced by, and which part it is:
`cider_d@language=zh`. A gate or a report finds slices by the pattern `cider_d@*`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trainer.evaluation.figures import figure
from trainer.evaluation.inputs import Evidence
from trainer.metrics.intervals import Estimate, bootstrap_ratio
from trainer.metrics.result import SLICE, Metric

# A slice of fewer pictures would say more of these than of the model.
FEWEST = 30


@dataclass(frozen=True)
class Examples:
    """What a figure that is a mean over n examples gives each of them.

    Attributes:
      rows: int [n], each example's picture; pictures are resampled as a whole.
      value: float64 [n]; NaN leaves an example out.
      chance, ceiling: float64 [n], or None; a slice in which one is NaN has none.
      baselines: float64 [n] by name; the same.
    """

    rows: np.ndarray
    value: np.ndarray
    chance: np.ndarray | None = None
    ceiling: np.ndarray | None = None
    baselines: Mapping[str, np.ndarray] = field(default_factory=dict)


def slices(
    evidence: Evidence,
    name: str,
    examples: Examples,
    by: Mapping[str, Sequence[str]],
    protocol: str,
    interval: Callable[..., Estimate] = bootstrap_ratio,
) -> list[Metric]:
    """Returns a figure for each slice that holds `FEWEST` pictures or more.

    Args:
      evidence: whose seed is used.
      name: of the whole figure.
      examples: n scores.
      by: what to slice by, such as `language`, and the slice of each of the n examples; "" is in
        none.
      protocol: what is measured, a phrase without a full stop.
      interval: from sums [N] over each picture's examples, their numbers [N] and a seed to the
        mean; `share` where examples are right or wrong.
    """
    metrics = []
    for key, parts in by.items():
        labels = np.array(parts, dtype=object)
        for part in sorted({label for label in parts if label}):
            chosen = (labels == part) & np.isfinite(examples.value)
            n = len(np.unique(examples.rows[chosen]))
            if n >= FEWEST:
                text = f"{protocol}; only where {key} is {part}, {int(chosen.sum())} of them."
                _, place = np.unique(examples.rows[chosen], return_inverse=True)
                sums = np.bincount(place, examples.value[chosen])
                found = interval(sums, np.bincount(place), seed=evidence.settings.seed)
                named = f"{name}{SLICE}{key}={part}"
                metrics.append(_slice(evidence, named, found, examples, chosen, n, text))
    return metrics


def _slice(
    evidence: Evidence,
    name: str,
    found: Estimate,
    examples: Examples,
    chosen: np.ndarray,
    n: int,
    protocol: str,
) -> Metric:
    return figure(
        evidence,
        name,
        found,
        protocol,
        n=n,
        chance=_mean(examples.chance, chosen),
        ceiling=_mean(examples.ceiling, chosen),
        baselines={
            key: mean
            for key, values in examples.baselines.items()
            if (mean := _mean(values, chosen)) is not None
        },
    )


def _mean(values: np.ndarray | None, chosen: np.ndarray) -> float | None:
    """The mean of the chosen examples; None where one of them has no value, for the others would
    be another slice."""
    if values is None or not np.isfinite(values[chosen]).all():
        return None
    return float(values[chosen].mean())


def terciles(lengths: Sequence[float], within: Sequence[str]) -> list[str]:
    """Whether each of n captions is `short`, `medium` or `long` among those of its language.

    Args:
      lengths: in tokens; NaN for what has no length.
      within: languages.

    Returns:
      "" where the length is unknown or all of the language are equally long. Equal lengths stay
      together, so that thirds may be uneven, or `medium` empty.
    """
    values, languages = np.array(lengths, np.float64), np.array(within, dtype=object)
    names = np.full(len(values), "", object)
    for language in set(within):
        chosen = np.flatnonzero((languages == language) & np.isfinite(values))
        among = values[chosen]
        if len(among) and among.min() < among.max():
            low, high = np.quantile(among, [1 / 3, 2 / 3])
            names[chosen] = np.where(among <= low, "short", "medium")
            names[chosen[among > high]] = "long"
    return names.tolist()
