"""One comparison of one figure with one limit, and the sentence that tells it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from components.cross_modal_evaluator.remedies import BEATS, MEASURED, WORKS, remedy
from components.cross_modal_evaluator.thresholds import Threshold, names_figure
from trainer.metrics.intervals import UNKNOWN, Difference, difference
from trainer.metrics.result import Metric

MIN, MAX, REGRESSION, LEAST_N = "min", "max", "max_regression", "least_n"

Figures = Mapping[str, Metric]


@dataclass(frozen=True)
class Check:
    """One comparison.

    Attributes:
      metric: the figure's name, the pattern that matched none, or "" for a model that is broken.
      rule: `min`, `max`, `max_regression`, `max_forgetting`, `beats`, `least_n` for a figure that
        rests on too few pictures, `measured` where there was nothing to compare, `works` for a
        broken model.
      value: the figure, or None.
      limit: what it was compared with, or None.
      passed: whether it speaks for the model.
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
    """The check of a model that cannot be measured at all."""
    text = f"the {model} cannot be measured: {fault}"
    return Check("", WORKS, None, None, False, text, remedy(WORKS, ""))


def checks_of(
    pattern: str,
    threshold: Threshold,
    figures: Figures,
    previous: Figures | None,
    skipped: Mapping[str, str],
) -> list[Check]:
    """Makes every comparison that one threshold asks for.

    Args:
      pattern: of the figures' names.
      threshold: what it asks.
      figures: all that were measured, by name.
      previous: those of the last blessed model, or None where there is none.
      skipped: measures that could not be made, with the reason.
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
    """Better by more than the margin, and with the facing end of the interval better at all; more
    is asked where neither way is better."""
    higher = metric.higher_is_better is not False
    sign = 1.0 if higher else -1.0
    against = metric.baselines[rival]
    facing = metric.low if higher else metric.high
    worst = metric.value if facing is None else facing
    lead = sign * (metric.value - against)
    # Against rivals that must only be approached, noise speaks for the model.
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
        # The same words for every figure, so that they can be said once.
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
    """The difference with its interval, and what that was made from."""
    size = abs(moved.worse)
    said = f"{number(size)} {_way(moved)}" if size else "no change"
    if moved.low is None or moved.high is None:
        return f"{said} ({UNKNOWN})"
    noise = "beyond noise" if moved.beyond_noise else "within noise"
    ends = f"{number(moved.low)} to {number(moved.high)}"
    return f"{said}, {noise} (difference {ends}, {moved.how})"


def allowed(moved: Difference, limit: float) -> str:
    """How far a figure may move the wrong way, which is either way where none is better."""
    way = "worse" if moved.higher_is_better is not None else "either way"
    return f"{number(limit)} {way} is allowed"


def _way(moved: Difference) -> str:
    if moved.higher_is_better is None:
        return "higher" if moved.change > 0 else "lower"
    return "worse" if moved.worse > 0 else "better"


def compared(
    metric: Metric, rule: str, limit: float, passed: bool, text: str, rival: str = ""
) -> Check:
    """The check of one figure, with a remedy where it failed."""
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
    """A figure in a sentence."""
    return "?" if value is None else f"{value:.3g}"
