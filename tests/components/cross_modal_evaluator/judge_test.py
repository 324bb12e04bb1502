"""Verdicts from hand-made figures, one rule at a time."""

import json
import math

import pytest

from components.cross_modal_evaluator.judge import judge, read_thresholds, with_previous
from trainer.metrics.result import Metric
from trainer.settings_loader import SettingsError


def metric(name, value, low=None, high=None, higher=True):
    return Metric(name, value, low, high, 100, "test", 0, 0.1, 1.0, higher, "a protocol")


def verdicts(metrics, thresholds, previous=None, force=""):
    return judge(metrics, read_thresholds(thresholds), previous or {}, force)


def test_model_without_threshold_is_blessed_and_says_so():
    verdict = verdicts([metric("f1_macro", 0.2)], {})["encoder"]
    assert verdict.blessed
    assert verdict.sentence == "Blessed: no threshold is configured for the encoder."


def test_every_model_gets_a_verdict_and_a_threshold_speaks_of_its_own_model_only():
    got = verdicts([metric("bleu4", 0.1)], {"bleu4": {"model": "captioner", "min": 0.2}})
    assert {model: verdict.blessed for model, verdict in got.items()} == {
        "encoder": True,
        "captioner": False,
        "generator": True,
    }


@pytest.mark.parametrize(
    ("limits", "value", "blessed"),
    [
        ({"min": 0.5}, 0.5, True),
        ({"min": 0.5}, 0.49, False),
        ({"max": 0.5}, 0.5, True),
        ({"max": 0.5}, 0.51, False),
        ({"min": 0.2, "max": 0.5}, 0.3, True),
        ({"min": 0.2, "max": 0.5}, 0.1, False),
    ],
)
def test_limits(limits, value, blessed):
    got = verdicts([metric("a", value)], {"a": {"model": "generator", **limits}})["generator"]
    assert got.blessed is blessed


def test_refusal_names_figure_value_limit_and_what_to_do():
    got = verdicts([metric("bleu4", 0.123)], {"bleu4": {"model": "captioner", "min": 0.2}})
    sentence = got["captioner"].sentence
    assert sentence.startswith("Refused: bleu4 is 0.123, at least 0.2 is asked.")
    assert "Train it longer" in sentence


def test_missing_metric_is_refused_and_lists_what_was_measured():
    got = verdicts([metric("bleu4", 0.9)], {"bleu_4": {"model": "captioner", "min": 0.2}})
    assert not got["captioner"].blessed
    assert "'bleu_4'" in got["captioner"].sentence
    assert "measured: bleu4" in got["captioner"].sentence


def test_missing_metric_tells_what_was_skipped_and_why():
    thresholds = read_thresholds({"pixel_agreement": {"model": "generator", "min": 0.5}})
    skipped = {"pixel_agreement": "no exact check is configured"}
    got = judge([], thresholds, {}, skipped=skipped)["generator"]
    assert "pixel_agreement: no exact check is configured" in got.sentence


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_unmeasurable_value_is_refused(value):
    thresholds = {"kid": {"model": "generator", "min": -math.inf, "max_regression": 1.0}}
    verdict = verdicts([metric("kid", value)], thresholds)["generator"]
    assert not verdict.blessed
    assert "could not be measured" in verdict.sentence
    assert json.loads(json.dumps(verdict.to_json(), allow_nan=False))["checks"][0]["value"] is None


def test_pattern_matches_every_such_name():
    metrics = [
        metric("kid_encoder_n100", 0.01, higher=False),
        metric("kid_encoder_n500", 0.09, higher=False),
        metric("kid_inception_n500", 9.0, higher=False),
    ]
    got = verdicts(metrics, {"kid_encoder_n*": {"model": "generator", "max": 0.05}})["generator"]
    assert [(check.metric, check.passed) for check in got.checks] == [
        ("kid_encoder_n100", True),
        ("kid_encoder_n500", False),
    ]


REGRESSION = {"a": {"model": "generator", "max_regression": 0.05}}


def regress(now, before, thresholds=REGRESSION):
    return verdicts([now], thresholds, {"generator": {before.name: before}})["generator"]


@pytest.mark.parametrize(
    ("now", "before", "blessed"),
    [
        (metric("a", 0.80), metric("a", 0.84), True),
        (metric("a", 0.80), metric("a", 0.86), False),
        (metric("a", 0.90), metric("a", 0.60), True),
        (metric("a", 0.86, higher=False), metric("a", 0.80, higher=False), False),
        (metric("a", 0.60, higher=False), metric("a", 0.90, higher=False), True),
    ],
)
def test_regression_follows_the_direction_of_improvement(now, before, blessed):
    assert regress(now, before).blessed is blessed


def test_drop_within_noise_is_no_regression():
    before = metric("a", 0.86, low=0.80, high=0.99)
    assert regress(metric("a", 0.78, low=0.1, high=0.84), before).blessed
    assert not regress(metric("a", 0.76, low=0.1, high=0.81), before).blessed


def test_noise_looks_at_the_facing_ends_when_lower_is_better():
    before = metric("a", 0.10, low=0.0, high=0.16, higher=False)
    assert regress(metric("a", 0.18, low=0.12, high=0.9, higher=False), before).blessed
    assert not regress(metric("a", 0.18, low=0.17, high=0.9, higher=False), before).blessed


@pytest.mark.parametrize("low", [None, math.nan])
def test_without_an_interval_there_is_no_noise(low):
    assert not regress(metric("a", 0.7, low, low), metric("a", 0.8, low, low)).blessed


def test_no_regression_without_a_last_blessed_model():
    got = verdicts([metric("a", 0.1)], REGRESSION)["generator"]
    assert got.blessed
    assert "no generator was blessed before" in got.sentence


@pytest.mark.parametrize("before", [metric("b", 0.9), metric("a", math.nan)])
def test_last_blessed_model_without_the_figure_is_no_regression(before):
    got = regress(metric("a", 0.1), before)
    assert got.blessed
    assert "has no a to compare with" in got.sentence


def test_force_blesses_keeps_the_checks_and_the_reason():
    thresholds = {"a": {"model": "generator", "min": 0.5}}
    got = verdicts([metric("a", 0.1)], thresholds, force="demo tonight")
    assert got["generator"].blessed
    assert got["generator"].forced == "demo tonight"
    assert "demo tonight" in got["generator"].sentence
    assert "at least 0.5" in got["generator"].sentence
    assert [check.passed for check in got["generator"].checks] == [False]
    assert got["encoder"].forced == ""


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"model": "generator", "minimum": 1}, "unknown key 'a.minimum'"),
        ({"model": "painter", "min": 1}, "painter"),
        ({"model": "generator"}, "min, max or max_regression"),
        ({"model": "generator", "max_regression": -1}, "0 or more"),
        ({"min": 1}, "model"),
    ],
)
def test_wrong_threshold_names_what_is_allowed(entry, words):
    with pytest.raises(SettingsError, match=words):
        read_thresholds({"a": entry})


def baselines(metrics, thresholds, previous):
    got = with_previous(metrics, read_thresholds(thresholds), previous)
    return {item.name: item.baselines for item in got}


A, B, OLD = metric("a", 0.1), metric("b", 0.2), {"a": metric("a", 0.3), "b": metric("b", 0.4)}


def test_last_blessed_value_joins_the_baselines_of_its_model():
    thresholds = {"a*": {"model": "generator", "min": 0}, "b": {"model": "captioner", "min": 0}}
    got = baselines([A, B], thresholds, {"generator": OLD})
    assert got == {"a": {"last blessed": 0.3}, "b": {}}


def test_figure_of_an_unknown_model_is_compared_only_where_no_new_model_took_part():
    assert baselines([A], {}, {"generator": OLD}) == {"a": {}}
    assert baselines([A], {}, {"encoder": OLD}) == {"a": {"last blessed": 0.3}}
    everything = {"encoder": {}, "captioner": OLD, "generator": OLD}
    assert baselines([A], {}, everything) == {"a": {"last blessed": 0.3}}
