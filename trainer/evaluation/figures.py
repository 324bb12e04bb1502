"""How the metrics of an evaluation are built and named."""

from __future__ import annotations

import math
from collections.abc import Mapping

from trainer.evaluation.inputs import Evidence
from trainer.metrics.intervals import Estimate, Resampled, Share
from trainer.metrics.result import Metric


def figure(
    evidence: Evidence,
    name: str,
    estimate: Estimate,
    protocol: str,
    *,
    n: int,
    chance: float | None = None,
    ceiling: float | None = None,
    higher_is_better: bool | None = True,
    baselines: Mapping[str, float] | None = None,
    parts: Mapping[str, float] | None = None,
    extractor: str = "",
    split: str = "test",
) -> Metric:
    """Builds a Metric from an estimate; the seed is the evaluation's.

    The arguments after `estimate` are described at `Metric`.
    """
    return Metric(
        name=name,
        value=float(estimate.value),
        low=_end(estimate.low),
        high=_end(estimate.high),
        n=n,
        split=split,
        seed=evidence.settings.seed,
        chance=chance,
        ceiling=ceiling,
        higher_is_better=higher_is_better,
        protocol=protocol,
        baselines=dict(baselines or {}),
        parts=dict(parts or {}),
        extractor=extractor,
        draws=tuple(estimate.draws.tolist()) if isinstance(estimate, Resampled) else (),
        counts=tuple(map(tuple, estimate.counts.tolist())) if isinstance(estimate, Share) else (),
    )


def sample_name(count: int) -> str:
    """The number of pictures as it appears in the names of metrics: n500, n10k."""
    return f"n{count // 1000}k" if count >= 10_000 and count % 1000 == 0 else f"n{count}"


def _end(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
