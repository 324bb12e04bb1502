"""Metrics of slices of the examples: one language, one kind of attribute, only long captions.

A slice is a separate Metric. Its name consists of the whole metric, the key and the value of the
slice: `cider_d@language=zh`. Thresholds and reports find slices by the pattern `cider_d@*`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trainer.evaluation.figures import figure
from trainer.evaluation.inputs import Evidence
from trainer.metrics.intervals import Estimate, bootstrap_ratio
from trainer.metrics.result import SLICE, Metric

# With fewer pictures, a slice would depend more on these pictures than on the model.
FEWEST = 30


@dataclass(frozen=True)
class Examples:
    """The values of n examples whose mean is a metric.

    Attributes:
      rows: int [n], each example's picture; the bootstrap resamples pictures.
      value: float64 [n]; examples with NaN are left out.
      chance, ceiling: float64 [n] or None; a slice with a NaN has no chance or ceiling.
      baselines: float64 [n] by name; a slice with a NaN lacks that baseline.
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
    """Returns a metric for each slice with at least `FEWEST` pictures.

    Args:
      evidence: of the evaluation; its seed is used.
      name: of the whole metric.
      examples: the values of n examples.
      by: for each key, such as `language`, the slice of each of the n examples; "" for none.
      protocol: what is measured, a phrase without a full stop.
      interval: estimates the mean from the sum [N] and the number [N] of each picture's examples
        and a seed; `share` if examples are right or wrong.
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
    """The mean of the chosen examples; None if one has no value, because the others would be
    another slice."""
    if values is None or not np.isfinite(values[chosen]).all():
        return None
    return float(values[chosen].mean())


def terciles(lengths: Sequence[float], within: Sequence[str]) -> list[str]:
    """Whether each of n captions is `short`, `medium` or `long` among those of its language.

    Args:
      lengths: n lengths in tokens; NaN if unknown.
      within: n languages.

    Returns:
      n names; "" if the length is unknown or all lengths of the language are equal. Equal lengths
      are in the same third, so thirds may be uneven, or `medium` empty.
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
