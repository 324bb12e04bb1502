"""Verdicts from hand-made figures, one rule at a time."""

import dataclasses
import json
import math

import numpy as np
import pytest

from components.cross_modal_evaluator.thresholds import names_figure, read_thresholds
from components.cross_modal_evaluator.verdicts import judge, with_previous
from trainer.metrics.intervals import share
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
    assert sentence.startswith("Refused: bleu4 is 0.123, at least 0.2 is asked. Its captions")
    assert "train it longer" in sentence


def test_a_limit_within_the_interval_is_said_to_lie_there():
    thresholds = {"a": {"model": "generator", "min": 0.5}}
    near = verdicts([metric("a", 0.49, 0.45, 0.53)], thresholds)["generator"]
    assert not near.blessed
    assert "a is 0.49 (0.45 to 0.53), at least 0.5 is asked" in near.sentence
    assert "within its interval" in near.sentence
    far = verdicts([metric("a", 0.4, 0.38, 0.42)], thresholds)["generator"]
    assert "within its interval" not in far.sentence
    above = verdicts([metric("a", 0.6, 0.4, 0.8)], {"a": {"model": "generator", "max": 0.5}})
    assert "within its interval" in above["generator"].sentence


@pytest.mark.parametrize(
    ("figure", "limit", "words"),
    [
        ("prompt_diversity", {"min": 0.5}, "too much alike"),
        ("duplicate_rate", {"max": 0.01}, "too much alike"),
        ("memorisation", {"max": 0.01}, "paints training pictures again"),
        ("cider_d@language=zh", {"min": 0.5}, "captions are poor"),
        ("attribute_agreement@attribute=colour", {"min": 0.5}, "do not show what captions say"),
        ("kid_encoder_n100", {"max": 0.01}, "do not look like real ones"),
        ("something_new", {"min": 0.5}, "or change the thresholds"),
    ],
)
def test_the_remedy_follows_from_the_figure(figure, limit, words):
    got = verdicts([metric(figure, 0.1)], {figure: {"model": "generator", **limit}})
    assert words in got["generator"].sentence


def test_two_failures_of_one_kind_are_mended_once():
    thresholds = {name: {"model": "captioner", "min": 0.5} for name in ("bleu1", "bleu4")}
    got = verdicts([metric("bleu1", 0.1), metric("bleu4", 0.1)], thresholds)["captioner"]
    assert got.sentence.count("captions are poor") == 1


def test_missing_metric_is_refused_and_lists_what_was_measured():
    got = verdicts([metric("bleu4", 0.9)], {"bleu_4": {"model": "captioner", "min": 0.2}})
    assert not got["captioner"].blessed
    assert "'bleu_4'" in got["captioner"].sentence
    assert "measured: bleu4" in got["captioner"].sentence


def test_missing_metric_hints_at_the_nearest_name():
    thresholds = {"attribute_agrement": {"model": "generator", "min": 0.2}}
    got = verdicts([metric("attribute_agreement", 0.9), metric("bleu4", 0.1)], thresholds)
    assert "did you mean 'attribute_agreement'?" in got["generator"].sentence


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("cider_d*", "cider_d_en", True),
        ("cider_d*", "cider_d_en@caption_length=short", False),
        ("cider_d*@*", "cider_d_en@caption_length=short", True),
        ("cider_d*@*", "cider_d_en", False),
        ("cider_d@*", "cider_d_en@language=zh", False),
        ("cider_d@language=zh", "cider_d@language=zh", True),
        ("*@language=*", "cider_d@attribute=colour", False),
    ],
)
def test_a_star_does_not_cross_from_the_figure_to_its_slice(pattern, name, fits):
    assert names_figure(pattern, name) is fits


def test_slices_are_judged_one_by_one_and_small_ones_left_out():
    small = dataclasses.replace(metric("cider_d@language=fr", 0.1), n=5)
    metrics = [metric("cider_d", 0.9), metric("cider_d@language=zh", 0.2), small]
    thresholds = {"cider_d@*": {"model": "captioner", "min": 0.5, "least_n": 30}}
    got = verdicts(metrics, thresholds)["captioner"]
    assert [(check.metric, check.rule, check.passed) for check in got.checks] == [
        ("cider_d@language=zh", "min", False),
        ("cider_d@language=fr", "least_n", True),
    ]
    assert "cider_d@language=fr rests on 5 pictures" in got.checks[1].sentence


def rivalled(value, low=None, high=None, higher=True, **baselines):
    return dataclasses.replace(metric("a", value, low, high, higher), baselines=baselines)


@pytest.mark.parametrize(
    ("figure", "margin", "blessed"),
    [
        (rivalled(0.9, rival=0.5), 0.0, True),
        (rivalled(0.5, rival=0.5), 0.0, False),
        (rivalled(0.6, 0.45, 0.7, rival=0.5), 0.0, False),
        (rivalled(0.6, 0.55, 0.7, rival=0.5), 0.0, True),
        (rivalled(0.6, rival=0.5), 0.2, False),
        (rivalled(0.45, 0.4, 0.5, rival=0.5), -0.1, True),
        (rivalled(0.35, 0.3, 0.5, rival=0.5), -0.1, False),
        (rivalled(0.1, 0.05, 0.2, higher=False, rival=0.3), 0.0, True),
        (rivalled(0.1, 0.05, 0.4, higher=False, rival=0.3), 0.0, False),
        (rivalled(0.4, higher=False, rival=0.3), 0.0, False),
    ],
)
def test_a_rival_is_beaten_by_the_margin_and_beyond_noise(figure, margin, blessed):
    asked = {"a": {"model": "generator", "beats": "rival", "margin": margin}}
    got = verdicts([figure], asked)["generator"]
    assert got.blessed is blessed
    assert "(rival gives " in got.sentence


def test_every_rival_that_fits_the_pattern_has_to_be_beaten():
    asked = {"a": {"model": "captioner", "beats": "most_frequent*"}}
    figure = rivalled(0.5, most_frequent_caption=0.4, most_frequent_word=0.6, nearest=0.9)
    got = verdicts([figure], asked)["captioner"]
    assert [check.passed for check in got.checks] == [True, False]
    assert "hardly more than one sentence for all pictures" in got.sentence


def test_a_rival_that_the_figure_lacks_is_refused_and_lists_those_it_has():
    asked = {"a": {"model": "captioner", "beats": "nobody"}}
    got = verdicts([rivalled(0.5, mean_image=0.1)], asked)["captioner"]
    assert not got.blessed
    assert "has no baseline 'nobody' to beat (it has: mean_image)" in got.sentence


def test_a_broken_model_is_refused_whatever_its_figures_say():
    asked = {"a": {"model": "generator", "min": 0.0}}
    thresholds = read_thresholds(asked)
    faults = {"generator": "OSError: it is gone"}
    got = judge([metric("a", 0.5)], thresholds, {}, faults=faults)
    assert not got["generator"].blessed
    assert "the generator cannot be measured: OSError: it is gone." in got["generator"].sentence
    assert got["encoder"].blessed


def test_missing_metric_tells_what_was_skipped_and_why():
    thresholds = read_thresholds({"pixel_agreement": {"model": "generator", "min": 0.5}})
    skipped = {"pixel_agreement": "no exact check is configured"}
    got = judge([], thresholds, {}, skipped=skipped)["generator"]
    assert "pixel_agreement: no exact check is configured" in got.sentence


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_unmeasurable_value_is_refused(value):
    thresholds = {"kid": {"model": "generator", "min": -1e9, "max_regression": 1.0}}
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


def test_the_message_says_what_decided_about_noise():
    before = metric("a", 0.86, low=0.80, high=0.99)
    apart = regress(metric("a", 0.78, low=0.1, high=0.84), before)
    assert "0.08 worse, within noise" in apart.sentence
    assert "from both intervals)" in apart.sentence
    draws = np.linspace(-0.1, 0.1, 101)
    pairs = (
        dataclasses.replace(metric("a", value), draws=tuple((value + draws).tolist()))
        for value in (0.78, 0.86)
    )
    paired = regress(*pairs)
    assert not paired.blessed
    assert "paired, picture by picture)" in paired.sentence
    assert "beyond noise" in paired.sentence
    assert "neither figure has an interval" in regress(metric("a", 0.7), metric("a", 0.8)).sentence


def test_figures_of_other_networks_are_not_compared():
    now = dataclasses.replace(metric("a", 0.1), extractor="judge:1")
    got = regress(now, dataclasses.replace(metric("a", 0.9), extractor="judge:2"))
    assert got.blessed
    assert "seen by another network" in got.sentence


def test_noise_looks_at_the_facing_ends_when_lower_is_better():
    before = metric("a", 0.10, low=0.0, high=0.16, higher=False)
    assert regress(metric("a", 0.18, low=0.12, high=0.9, higher=False), before).blessed
    assert not regress(metric("a", 0.18, low=0.17, high=0.9, higher=False), before).blessed


@pytest.mark.parametrize(
    ("now", "blessed", "words"),
    [(0.54, True, "0.04 higher"), (0.6, False, "0.1 higher"), (0.4, False, "0.1 lower")],
)
def test_a_figure_without_a_better_direction_may_move_neither_way(now, blessed, words):
    got = regress(metric("a", now, higher=None), metric("a", 0.5, higher=None))
    assert got.blessed is blessed
    assert words in got.sentence and "0.05 either way is allowed" in got.sentence


@pytest.mark.parametrize(("limits", "blessed"), [
    ({"min": 0.4}, True), ({"max": 0.4}, False), ({"beats": "rival"}, True),
])  # fmt: skip
def test_thresholds_hold_for_a_figure_without_a_better_direction(limits, blessed):
    figure = rivalled(0.5, 0.45, 0.55, higher=None, rival=0.4)
    got = verdicts([figure], {"a": {"model": "generator", **limits}})["generator"]
    assert got.blessed is blessed


def share_of(right, n=200):
    found = share(np.arange(n) < right, seed=0)
    made = metric("a", *found)
    return dataclasses.replace(
        made, draws=tuple(found.draws.tolist()), counts=tuple(map(tuple, found.counts.tolist()))
    )


@pytest.mark.parametrize(("right", "blessed"), [(196, True), (193, False)])
def test_a_few_wrong_where_none_was_are_no_regression(right, blessed):
    asked = {"a": {"model": "generator", "max_regression": 0.01}}
    assert regress(share_of(right), share_of(200), asked).blessed is blessed


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
    assert got["generator"].refusal.startswith("Refused: a is 0.1, at least 0.5 is asked.")
    assert got["encoder"].forced == got["encoder"].refusal == ""


def test_a_blank_reason_forces_nothing():
    thresholds = {"a": {"model": "generator", "min": 0.5}}
    assert not verdicts([metric("a", 0.1)], thresholds, force="  ")["generator"].blessed


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"model": "generator", "minimum": 1}, "unknown key 'a.minimum'"),
        ({"model": "painter", "min": 1}, "painter"),
        ({"model": "generator"}, "min, max, max_regression, .* or beats"),
        ({"model": "generator", "beats": ""}, "the name of a baseline"),
        ({"model": "generator", "min": 1, "margin": 1}, "it goes with beats"),
        ({"model": "generator", "min": 1, "least_n": -1}, "0 or more"),
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
    assert got == {"a": {"last_blessed": 0.3}, "b": {}}


def test_figure_of_an_unknown_model_is_compared_only_where_no_new_model_took_part():
    assert baselines([A], {}, {"generator": OLD}) == {"a": {}}
    assert baselines([A], {}, {"encoder": OLD}) == {"a": {"last_blessed": 0.3}}
    everything = {"encoder": {}, "captioner": OLD, "generator": OLD}
    assert baselines([A], {}, everything) == {"a": {"last_blessed": 0.3}}
