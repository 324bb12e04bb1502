"""Compares metrics with thresholds and gives a verdict on each model; needs no TFX."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from components.cross_modal_evaluator.thresholds import (
    BEATS,
    FORGETTING,
    MEASURED,
    MODELS,
    WORKS,
    Threshold,
    in_order,
    names_figure,
    remedy,
)
from trainer.metrics.intervals import UNKNOWN, Difference, difference
from trainer.metrics.result import Metric

LAST_BLESSED = "last_blessed"
MIN, MAX, REGRESSION, LEAST_N = "min", "max", "max_regression", "least_n"

Figures = Mapping[str, Metric]


@dataclass(frozen=True)
class Check:
    """One comparison of a metric with a limit.

    Attributes:
      metric: the metric's name, the pattern that matched none, or "" for a broken model.
      rule: `min`, `max`, `max_regression`, `max_forgetting`, `beats`, `least_n` for a metric of too
        few pictures, `measured` if there was nothing to compare, `works` for a broken model.
      value: of the metric, or None.
      limit: the value that it was compared with, or None.
      passed: whether the check passed.
      sentence: the comparison in words.
      remedy: what to do about a failure, or "".
    """

    metric: str
    rule: str
    value: float | None
    limit: float | None
    passed: bool
    sentence: str
    remedy: str = ""


def broken(model: str, fault: str) -> Check:
    """The failed check of a model that cannot be measured."""
    text = f"the {model} cannot be measured: {fault}"
    return Check("", WORKS, None, None, False, text, remedy(WORKS, ""))


def checks_of(
    pattern: str,
    threshold: Threshold,
    figures: Figures,
    previous: Figures | None,
    skipped: Mapping[str, str],
) -> list[Check]:
    """Makes all comparisons of one threshold.

    Args:
      pattern: of the names of metrics.
      threshold: the threshold.
      figures: all measured metrics, by name.
      previous: metrics of the last blessed model, or None if there is none.
      skipped: by name, why a metric could not be measured.
    """
    names = [name for name in figures if names_figure(pattern, name)]
    if not names:
        return [_unmeasured(pattern, _missing(pattern, figures, skipped))]
    return [check for name in names for check in _of_figure(figures[name], threshold, previous)]


def _of_figure(metric: Metric, threshold: Threshold, previous: Figures | None) -> list[Check]:
    if not math.isfinite(metric.value):
        text = f"{metric.name} could not be measured (it is not a number); look at the samples"
        return [_unmeasured(metric.name, text, metric.value)]
    if metric.n < threshold.least_n:
        text = f"{metric.name} rests on {metric.n} pictures, {threshold.least_n} are asked for it"
        return [Check(metric.name, LEAST_N, metric.value, threshold.least_n, True, text)]
    checks = _limits(metric, threshold)
    if threshold.beats is not None:
        checks += _beats(metric, threshold.beats, threshold.margin)
    if threshold.max_regression is not None:
        checks.append(_regression(metric, threshold, previous))
    return checks


def _unmeasured(name: str, text: str, value: float | None = None) -> Check:
    return Check(name, MEASURED, value, None, False, text, remedy(MEASURED, name))


def _missing(pattern: str, figures: Figures, skipped: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(pattern, figures, n=1)
    measured = ", ".join(sorted(figures)) or "nothing"
    text = f"the threshold '{pattern}' names a figure that was not measured"
    text += " (" + (f"did you mean '{near[0]}'? " if near else "") + f"measured: {measured}"
    if skipped:
        text += "; not measured: " + ", ".join(f"{name}: {why}" for name, why in skipped.items())
    return f"{text})"


def _limits(metric: Metric, threshold: Threshold) -> list[Check]:
    checks = []
    for rule, limit, words in ((MIN, threshold.min, "at least"), (MAX, threshold.max, "at most")):
        if limit is None:
            continue
        passed = metric.value >= limit if rule == MIN else metric.value <= limit
        text = f"{_said(metric)}, {words} {number(limit)} is asked"
        if not passed and _reaches(metric, limit, rule):
            text += ", which lies within its interval: more test pictures would tell"
        checks.append(compared(metric, rule, limit, passed, text))
    return checks


def _beats(metric: Metric, pattern: str, margin: float) -> list[Check]:
    rivals = [name for name in metric.baselines if fnmatchcase(name, pattern)]
    if not rivals:
        known = ", ".join(sorted(metric.baselines)) or "none"
        text = f"{metric.name} has no baseline '{pattern}' to beat (it has: {known})"
        return [_unmeasured(metric.name, text, metric.value)]
    return [_duel(metric, name, margin) for name in rivals]


def _duel(metric: Metric, rival: str, margin: float) -> Check:
    """Passes if the metric is better than the baseline by more than the margin, and the facing end
    of its interval is better too. A metric without a direction must be greater."""
    higher = metric.higher_is_better is not False
    sign = 1.0 if higher else -1.0
    against = metric.baselines[rival]
    facing = metric.low if higher else metric.high
    worst = metric.value if facing is None else facing
    lead = sign * (metric.value - against)
    # With a negative margin, the interval is not checked.
    passed = lead > margin and (margin < 0 or sign * (worst - against) > 0)
    limit = against + sign * margin
    words = "more than" if higher else "less than"
    by = f", margin {number(margin)}" if margin else ""
    text = f"{_said(metric)}, {words} {number(limit)} is asked"
    text += f" ({_plain(rival)} gives {number(against)}{by})"
    if not passed and lead > margin:
        text += ", and that lies within its interval"
    return compared(metric, BEATS, limit, passed, text, rival)


def _regression(metric: Metric, threshold: Threshold, previous: Figures | None) -> Check:
    limit = threshold.max_regression or 0.0
    if previous is None:
        # The same text for every metric, so that it is shown only once.
        text = f"no {threshold.model} was blessed before: it has nothing to fall behind"
        return compared(metric, REGRESSION, limit, True, text)
    before = previous.get(metric.name)
    if before is None or not math.isfinite(before.value):
        text = f"the last blessed {threshold.model} has no {metric.name} to compare with"
        return compared(metric, REGRESSION, limit, True, text)
    if before.extractor != metric.extractor:
        text = f"{metric.name} of the last blessed {threshold.model} was seen by another network"
        return compared(metric, REGRESSION, limit, True, text)
    moved = difference(metric, before)
    passed = moved.worse <= limit or not moved.beyond_noise
    text = (
        f"{metric.name} went from {number(before.value)} (last blessed) to"
        f" {number(metric.value)}, {change(moved)}; {allowed(moved, limit)}"
    )
    return compared(metric, REGRESSION, limit, passed, text)


def change(moved: Difference) -> str:
    """Describes a difference with its interval, and how that was computed."""
    size = abs(moved.worse)
    said = f"{number(size)} {_way(moved)}" if size else "no change"
    if moved.low is None or moved.high is None:
        return f"{said} ({UNKNOWN})"
    noise = "beyond noise" if moved.beyond_noise else "within noise"
    ends = f"{number(moved.low)} to {number(moved.high)}"
    return f"{said}, {noise} (difference {ends}, {moved.how})"


def allowed(moved: Difference, limit: float) -> str:
    """Describes how much worse a metric may become, or how far it may move without a direction."""
    way = "worse" if moved.higher_is_better is not None else "either way"
    return f"{number(limit)} {way} is allowed"


def _way(moved: Difference) -> str:
    if moved.higher_is_better is None:
        return "higher" if moved.change > 0 else "lower"
    return "worse" if moved.worse > 0 else "better"


def compared(
    metric: Metric, rule: str, limit: float, passed: bool, text: str, rival: str = ""
) -> Check:
    """The check of one metric, with a remedy if it failed."""
    advice = "" if passed else remedy(rule, metric.name, rival)
    return Check(metric.name, rule, metric.value, limit, passed, text, advice)


def _reaches(metric: Metric, limit: float, rule: str) -> bool:
    if rule == MIN:
        return metric.high is not None and metric.high >= limit
    return metric.low is not None and metric.low <= limit


def _said(metric: Metric) -> str:
    known = metric.low is not None and metric.high is not None
    ends = f" ({number(metric.low)} to {number(metric.high)})" if known else ""
    return f"{metric.name} is {number(metric.value)}{ends}"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def number(value: float | None) -> str:
    """Formats a value for a sentence."""
    return "?" if value is None else f"{value:.3g}"


@dataclass(frozen=True)
class Forgetting:
    """Metrics of each model on the test pictures of the last run on other data that blessed it.

    Attributes:
      after: metrics of the new models, by model and name.
      before: metrics of the last blessed models, by model and name.
    """

    after: Mapping[str, Mapping[str, Metric]]
    before: Mapping[str, Mapping[str, Metric]]

    def records(self, thresholds: Mapping[str, Threshold]) -> list[dict[str, Any]]:
        """Returns every metric that a threshold assigns to a model, before and after."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for pattern, asked in thresholds.items():
            for old, new in self.pairs(pattern, asked.model):
                record = {"model": asked.model, "before": old.to_json(), "after": new.to_json()}
                found[asked.model, new.name] = record
        return list(found.values())

    def pairs(self, pattern: str, model: str) -> Iterator[tuple[Metric, Metric]]:
        """Yields metrics that match `pattern`, before and after, if both can be compared."""
        after = self.after.get(model, {})
        for name, old in self.before.get(model, {}).items():
            new = after.get(name)
            if new is None or not names_figure(pattern, name):
                continue
            finite = math.isfinite(old.value) and math.isfinite(new.value)
            if finite and old.extractor == new.extractor:
                yield old, new


def is_bounded(threshold: Threshold) -> bool:
    """Whether a threshold limits forgetting."""
    return threshold.max_forgetting is not None or threshold.max_forgetting_share is not None


def forgetting_checks(
    pattern: str, threshold: Threshold, forgetting: Forgetting | None
) -> Sequence[Check]:
    """Makes the comparisons of one threshold on the pictures of an earlier run.

    Args:
      pattern: of the names of metrics.
      threshold: the threshold.
      forgetting: metrics of both models; None if there is no earlier run to compare with.
    """
    if not is_bounded(threshold):
        return ()
    pairs = list(forgetting.pairs(pattern, threshold.model)) if forgetting else []
    if not pairs:
        text = f"there is no earlier data that the {threshold.model} could have forgotten"
        return (Check(pattern, FORGETTING, None, None, True, text),)
    return [_forgetting_check(old, new, threshold) for old, new in pairs]


def _forgetting_check(old: Metric, new: Metric, threshold: Threshold) -> Check:
    limit, moved = _forgetting_limit(old, threshold), difference(new, old)
    text = (
        f"on the pictures of the last run that blessed the {threshold.model}, {new.name} went from "
        f"{number(old.value)} to {number(new.value)}, {change(moved)}; {allowed(moved, limit)}"
    )
    passed = moved.worse <= limit or not moved.beyond_noise
    return compared(new, FORGETTING, limit, passed, text)


def _forgetting_limit(old: Metric, threshold: Threshold) -> float:
    """The stricter of both limits, in the metric's unit."""
    own, share = threshold.max_forgetting, threshold.max_forgetting_share
    limits = [own] if own is not None else []
    if share is not None:
        limits.append(share * abs(old.value))
    return min(limits)


@dataclass(frozen=True)
class Verdict:
    """Whether a model may be served.

    Attributes:
      model: `encoder`, `captioner` or `generator`.
      blessed: whether it may.
      sentence: the reason, and what to do about a refusal.
      forced: the user's reason for a blessing in spite of failed checks, or "".
      checks: all comparisons.
      refusal: the sentence of the refusal that was overridden, or "".
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
      metrics: of the new models.
      thresholds: by metric name or pattern, see `thresholds.names_figure`.
      previous: by model, the last blessed one's metrics by name; no entry if there is none.
      force_bless: the user's reason to bless regardless of the checks, or "".
      skipped: by name, why a metric could not be measured.
      faults: by model, why it cannot be measured; such a model is refused.
      forgetting: metrics on the pictures of the last blessed run, if there is one.
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
    """Returns `metrics` with those of the last blessed models as additional baselines.

    A metric that no threshold assigns to a model gets a baseline if the old encoder alone has the
    metric, or if all models have a predecessor.
    """

    def with_baseline(metric: Metric) -> Metric:
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

    return [with_baseline(metric) for metric in metrics]


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
    """The sentences of the checks without repetitions."""
    return "; ".join(dict.fromkeys(check.sentence for check in checks))
