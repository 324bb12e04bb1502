"""From measured figures and thresholds to one verdict for each model; needs no TFX."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.cross_modal_evaluator.checks import Check, broken, checks_of
from components.cross_modal_evaluator.forgetting import Forgetting, forgetting_checks
from components.cross_modal_evaluator.remedies import in_order
from components.cross_modal_evaluator.thresholds import MODELS, Threshold, names_figure
from trainer.metrics.result import Metric

LAST_BLESSED = "last_blessed"


@dataclass(frozen=True)
class Verdict:
    """Whether a model may be served.

    Attributes:
      model: `encoder`, `captioner` or `generator`.
      blessed: whether it may.
      sentence: the reason, and what to do about a refusal.
      forced: the reason a person gave for a blessing against the checks, or "".
      checks: every comparison made.
      refusal: the sentence of the refusal that was overridden by force, or "".
    """

    model: str
    blessed: bool
    sentence: str
    forced: str
    checks: tuple[Check, ...]
    refusal: str = ""

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-able mapping; NaN becomes null."""
        record = dataclasses.asdict(self)
        for check in record["checks"]:
            for key in ("value", "limit"):
                value = check[key]
                check[key] = value if value is not None and math.isfinite(value) else None
        return record


def judge(
    metrics: Sequence[Metric],
    thresholds: Mapping[str, Threshold],
    previous: Mapping[str, Mapping[str, Metric]],
    force_bless: str = "",
    skipped: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    forgetting: Forgetting | None = None,
) -> dict[str, Verdict]:
    """Returns the verdict of every model.

    Args:
      metrics: the figures of the models under judgement.
      thresholds: by metric name or pattern, see `thresholds.names_figure`.
      previous: by model, the last blessed one's figures by name; no entry where there is none.
      force_bless: a person's reason to bless whatever the checks say, or "".
      skipped: measures that could not be made, with the reason.
      forgetting: figures on the pictures of the last blessed run, where there is one.
      faults: by model, why it cannot be measured at all; such a model is refused.
    """
    by_name = {metric.name: metric for metric in metrics}
    verdicts = {}
    for model in MODELS:
        fault = (faults or {}).get(model)
        checks = [broken(model, fault)] if fault else []
        if not fault:
            for pattern, asked in thresholds.items():
                if asked.model == model:
                    before = previous.get(model)
                    checks += checks_of(pattern, asked, by_name, before, skipped or {})
                    checks += forgetting_checks(pattern, asked, forgetting)
        verdicts[model] = _verdict(model, tuple(checks), force_bless.strip())
    return verdicts


def with_previous(
    metrics: Sequence[Metric],
    thresholds: Mapping[str, Threshold],
    previous: Mapping[str, Mapping[str, Metric]],
) -> list[Metric]:
    """Returns `metrics` with the last blessed models' figures among their baselines.

    A figure that no threshold ascribes to a model is compared where the old encoder alone gives it,
    or where all models have a predecessor.
    """

    def compared(metric: Metric) -> Metric:
        owners = [
            item.model for name, item in thresholds.items() if names_figure(name, metric.name)
        ]
        if not owners:
            owners = list(MODELS) if len(previous) == len(MODELS) else ["encoder"]
        found = [previous[name] for name in owners if metric.name in previous.get(name, {})]
        if not found:
            return metric
        baselines = {LAST_BLESSED: found[0][metric.name].value, **metric.baselines}
        return dataclasses.replace(metric, baselines=baselines)

    return [compared(metric) for metric in metrics]


def _verdict(model: str, checks: tuple[Check, ...], force_bless: str) -> Verdict:
    failed = [check for check in checks if not check.passed]
    if not checks:
        sentence = f"Blessed: no threshold is configured for the {model}."
        return Verdict(model, True, sentence, "", checks)
    if not failed:
        sentence = f"Blessed: {_joined(checks)}."
        return Verdict(model, True, sentence, "", checks)
    against = _joined(failed)
    refusal = f"Refused: {against}. {in_order(check.remedy for check in failed)}"
    if not force_bless:
        return Verdict(model, False, refusal, "", checks)
    sentence = f"Blessed by force ({force_bless}), though {against}."
    return Verdict(model, True, sentence, force_bless, checks, refusal)


def _joined(checks: Sequence[Check]) -> str:
    """The checks' sentences, equal ones once."""
    return "; ".join(dict.fromkeys(check.sentence for check in checks))
