"""From measured figures and thresholds to one verdict for each model; needs no TFX."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from trainer.config import STAGES
from trainer.metrics.result import Metric
from trainer.settings_loader import from_mapping, require, require_one_of

MODELS = STAGES
LAST_BLESSED = "last blessed"


@dataclass(frozen=True)
class Threshold:
    """What one figure must reach for its model to be blessed.

    Attributes:
      model: the model that the figure speaks of.
      min: the least allowed value.
      max: the greatest allowed value.
      max_regression: how much worse than the last blessed model the figure may be, in the
        figure's own unit; a change within the noise of both figures never counts.
    """

    model: str
    min: float | None = None
    max: float | None = None
    max_regression: float | None = None

    def __post_init__(self) -> None:
        require_one_of("model", self.model, MODELS)
        limits = (self.min, self.max, self.max_regression)
        require(any(x is not None for x in limits), "min", None, "give min, max or max_regression")
        least = self.max_regression if self.max_regression is not None else 0.0
        require(least >= 0, "max_regression", self.max_regression, "0 or more")


@dataclass(frozen=True)
class Check:
    """One comparison of one figure with one limit.

    Attributes:
      metric: the figure's name, or the pattern that matched none.
      rule: `min`, `max`, `max_regression`, or `measured` when there was no figure to compare.
      value: the figure, or None.
      limit: the threshold, or None.
      passed: whether it speaks for the model.
      sentence: the comparison in words.
    """

    metric: str
    rule: str
    value: float | None
    limit: float | None
    passed: bool
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """Whether a model may be served.

    Attributes:
      model: `encoder`, `captioner` or `generator`.
      blessed: whether it may.
      sentence: the reason, and what to do about a refusal.
      forced: the reason a person gave for a blessing against the checks, or "".
      checks: every comparison made.
    """

    model: str
    blessed: bool
    sentence: str
    forced: str
    checks: tuple[Check, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-able mapping; NaN becomes null."""
        record = dataclasses.asdict(self)
        for check in record["checks"]:
            value = check["value"]
            check["value"] = value if value is not None and math.isfinite(value) else None
        return record


def read_thresholds(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Threshold]:
    """Reads `{metric name or pattern: {model, min, max, max_regression}}`.

    Raises:
      SettingsError: an unknown key, a wrong value, or a threshold without a limit.
    """
    return {
        name: from_mapping(Threshold, entry, "thresholds", f"{name}.")
        for name, entry in values.items()
    }


def judge(
    metrics: Sequence[Metric],
    thresholds: Mapping[str, Threshold],
    previous: Mapping[str, Mapping[str, Metric]],
    force_bless: str = "",
    skipped: Mapping[str, str] | None = None,
) -> dict[str, Verdict]:
    """Returns the verdict of every model.

    Args:
      metrics: the figures of the models under judgement.
      thresholds: by metric name; `*` and `?` in a name match any characters, any one character.
      previous: by model, the last blessed one's figures by name; no entry where there is none.
      force_bless: a person's reason to bless whatever the checks say, or "".
      skipped: measures that could not be made, with the reason.
    """
    by_name = {metric.name: metric for metric in metrics}
    verdicts = {}
    for model in MODELS:
        checks = tuple(
            check
            for pattern, threshold in thresholds.items()
            if threshold.model == model
            for check in _check(pattern, threshold, by_name, previous.get(model), skipped or {})
        )
        verdicts[model] = _verdict(model, checks, force_bless)
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
        owners = [item.model for name, item in thresholds.items() if fnmatchcase(metric.name, name)]
        if not owners:
            owners = list(MODELS) if len(previous) == len(MODELS) else ["encoder"]
        found = [previous[name] for name in owners if metric.name in previous.get(name, {})]
        if not found:
            return metric
        baselines = {LAST_BLESSED: found[0][metric.name].value, **metric.baselines}
        return dataclasses.replace(metric, baselines=baselines)

    return [compared(metric) for metric in metrics]


def _check(
    pattern: str,
    threshold: Threshold,
    metrics: Mapping[str, Metric],
    previous: Mapping[str, Metric] | None,
    skipped: Mapping[str, str],
) -> list[Check]:
    names = [name for name in metrics if fnmatchcase(name, pattern)]
    if not names:
        return [Check(pattern, "measured", None, None, False, _missing(pattern, metrics, skipped))]
    checks = []
    for name in names:
        metric = metrics[name]
        if not math.isfinite(metric.value):
            text = f"{name} could not be measured (it is not a number); look at the model's samples"
            checks.append(Check(name, "measured", metric.value, None, False, text))
            continue
        checks += _limits(metric, threshold)
        if threshold.max_regression is not None:
            checks.append(_regression(metric, threshold, previous))
    return checks


def _missing(pattern: str, metrics: Mapping[str, Metric], skipped: Mapping[str, str]) -> str:
    measured = ", ".join(sorted(metrics)) or "nothing"
    text = f"the threshold '{pattern}' names a figure that was not measured (measured: {measured}"
    if skipped:
        text += "; not measured: " + ", ".join(f"{name}: {why}" for name, why in skipped.items())
    return f"{text}); correct its name or take it out of the config"


def _limits(metric: Metric, threshold: Threshold) -> list[Check]:
    checks = []
    for rule, limit, words in (
        ("min", threshold.min, "at least"),
        ("max", threshold.max, "at most"),
    ):
        if limit is not None:
            passed = metric.value >= limit if rule == "min" else metric.value <= limit
            text = f"{metric.name} is {_number(metric.value)}, {words} {_number(limit)} is asked"
            checks.append(Check(metric.name, rule, metric.value, limit, passed, text))
    return checks


def _regression(
    metric: Metric, threshold: Threshold, previous: Mapping[str, Metric] | None
) -> Check:
    limit = threshold.max_regression or 0.0
    rule = "max_regression"
    if previous is None:
        text = f"no {threshold.model} was blessed before: {metric.name} has nothing to fall behind"
        return Check(metric.name, rule, metric.value, limit, True, text)
    before = previous.get(metric.name)
    if before is None or not math.isfinite(before.value):
        text = f"the last blessed {threshold.model} has no {metric.name} to compare with"
        return Check(metric.name, rule, metric.value, limit, True, text)
    worse = before.value - metric.value if metric.higher_is_better else metric.value - before.value
    noise = _noise(metric, before)
    passed = worse <= max(limit, noise)
    text = (
        f"{metric.name} went from {_number(before.value)} (last blessed) to"
        f" {_number(metric.value)}, {_change(worse)}; {_number(limit)} worse is allowed,"
        f" noise is {_number(noise)}"
    )
    return Check(metric.name, rule, metric.value, limit, passed, text)


def _noise(metric: Metric, before: Metric) -> float:
    """How much worse `metric` may look by chance: the facing half intervals, in quadrature."""
    if metric.higher_is_better:
        halves = (_half(metric.high, metric.value), _half(before.value, before.low))
    else:
        halves = (_half(metric.value, metric.low), _half(before.high, before.value))
    return math.hypot(*halves)


def _half(upper: float | None, lower: float | None) -> float:
    if upper is None or lower is None or not math.isfinite(upper - lower):
        return 0.0
    return max(0.0, upper - lower)


def _verdict(model: str, checks: tuple[Check, ...], force_bless: str) -> Verdict:
    failed = [check for check in checks if not check.passed]
    against = "; ".join(check.sentence for check in failed)
    blessed = not failed or bool(force_bless)
    if not checks:
        sentence = f"Blessed: no threshold is configured for the {model}."
    elif not failed:
        sentence = f"Blessed: {'; '.join(check.sentence for check in checks)}."
    elif force_bless:
        sentence = f"Blessed by force ({force_bless}), though {against}."
    else:
        sentence = f"Refused: {against}. {_remedy(failed)}"
    return Verdict(model, blessed, sentence, force_bless if failed else "", checks)


def _remedy(failed: Sequence[Check]) -> str:
    if all(check.rule == "measured" for check in failed):
        return "Nothing was compared with these thresholds."
    return "Train it longer, look at its pictures and curves, or change the thresholds."


def _change(worse: float) -> str:
    return f"{_number(worse)} worse" if worse > 0 else f"{_number(-worse)} better"


def _number(value: float) -> str:
    return f"{value:.3g}"
