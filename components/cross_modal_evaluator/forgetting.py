"""What a new model can no longer do of what the last blessed one could on its own data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.cross_modal_evaluator.checks import Check, allowed, change, compared, number
from components.cross_modal_evaluator.remedies import FORGETTING
from components.cross_modal_evaluator.thresholds import Threshold, names_figure
from trainer.metrics.intervals import difference
from trainer.metrics.result import Metric


@dataclass(frozen=True)
class Forgetting:
    """Figures of each model on the test pictures of the last run, of other data, that blessed it.

    Attributes:
      after: of the new models, by model and name.
      before: of the last blessed ones, by model and name.
    """

    after: Mapping[str, Mapping[str, Metric]]
    before: Mapping[str, Mapping[str, Metric]]

    def records(self, thresholds: Mapping[str, Threshold]) -> list[dict[str, Any]]:
        """Returns every figure that a threshold ascribes to a model, as it was and as it is."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for pattern, asked in thresholds.items():
            for old, new in self.pairs(pattern, asked.model):
                record = {"model": asked.model, "before": old.to_json(), "after": new.to_json()}
                found[asked.model, new.name] = record
        return list(found.values())

    def pairs(self, pattern: str, model: str) -> Iterator[tuple[Metric, Metric]]:
        """Yields figures that `pattern` names, before and after, where both can be compared."""
        after = self.after.get(model, {})
        for name, old in self.before.get(model, {}).items():
            new = after.get(name)
            if new is None or not names_figure(pattern, name):
                continue
            finite = math.isfinite(old.value) and math.isfinite(new.value)
            if finite and old.extractor == new.extractor:
                yield old, new


def is_bounded(threshold: Threshold) -> bool:
    """Whether a threshold asks that something is not forgotten."""
    return threshold.max_forgetting is not None or threshold.max_forgetting_share is not None


def forgetting_checks(
    pattern: str, threshold: Threshold, forgetting: Forgetting | None
) -> Sequence[Check]:
    """Makes the comparisons that one threshold asks for, on the pictures of an earlier run.

    Args:
      pattern: of the figures' names.
      threshold: what it asks.
      forgetting: figures of both models; None where there is no earlier run to compare with.
    """
    if not is_bounded(threshold):
        return ()
    pairs = list(forgetting.pairs(pattern, threshold.model)) if forgetting else []
    if not pairs:
        text = f"there is no earlier data that the {threshold.model} could have forgotten"
        return (Check(pattern, FORGETTING, None, None, True, text),)
    return [_check(old, new, threshold) for old, new in pairs]


def _check(old: Metric, new: Metric, threshold: Threshold) -> Check:
    limit, moved = _limit(old, threshold), difference(new, old)
    text = (
        f"on the pictures of the last run that blessed the {threshold.model}, {new.name} went from "
        f"{number(old.value)} to {number(new.value)}, {change(moved)}; {allowed(moved, limit)}"
    )
    passed = moved.worse <= limit or not moved.beyond_noise
    return compared(new, FORGETTING, limit, passed, text)


def _limit(old: Metric, threshold: Threshold) -> float:
    """The stricter of both bounds, in the figure's own unit."""
    own, share = threshold.max_forgetting, threshold.max_forgetting_share
    limits = [own] if own is not None else []
    if share is not None:
        limits.append(share * abs(old.value))
    return min(limits)
