"""A model that has forgotten too much is refused, in words that help."""

import dataclasses

import pytest

from components.cross_modal_evaluator.thresholds import read_thresholds
from components.cross_modal_evaluator.verdicts import Forgetting, is_bounded, judge
from trainer.metrics.result import Metric
from trainer.settings_loader import SettingsError


def metric(name, value, low=None, high=None, higher=True, extractor=""):
    return Metric(
        name, value, low, high, 100, "test", 0, 0.1, 1.0, higher, "a protocol", extractor=extractor
    )


def by_name(*metrics):
    return {one.name: one for one in metrics}


def verdict(asked, before, after, model="captioner", **options):
    """Of a model that is as good as it was on the new data."""
    thresholds = read_thresholds({"cider_d*": {"model": model, **asked}})
    forgetting = Forgetting({model: by_name(*after)}, {model: by_name(*before)})
    found = judge([metric("cider_d", 0.9)], thresholds, {}, forgetting=forgetting, **options)
    return found[model]


OLD = metric("cider_d", 0.8, 0.78, 0.82)


@pytest.mark.parametrize(
    ("asked", "value", "blessed"),
    [
        ({"max_forgetting": 0.1}, 0.71, True),
        ({"max_forgetting": 0.1}, 0.6, False),
        ({"max_forgetting_share": 0.05}, 0.77, True),
        ({"max_forgetting_share": 0.05}, 0.6, False),
        ({"max_forgetting": 0.5, "max_forgetting_share": 0.05}, 0.6, False),
        ({"max_forgetting": 0.0}, 0.95, True),
    ],
)
def test_the_bound_decides(asked, value, blessed):
    new = metric("cider_d", value, value - 0.02, value + 0.02)
    assert verdict(asked, [OLD], [new]).blessed is blessed


def test_a_refusal_says_what_was_lost_and_what_can_be_done():
    sentence = verdict(
        {"max_forgetting_share": 0.05}, [OLD], [metric("cider_d", 0.5, 0.48, 0.52)]
    ).sentence
    assert (
        "on the pictures of the last run that blessed the captioner, cider_d went from 0.8 to 0.5, "
        "0.3 worse" in sentence
    )
    assert "0.04 worse is allowed" in sentence
    for key in ("source.window", "training.replay", "freeze", "kept_rate"):
        assert key in sentence


def test_what_lies_within_noise_is_no_loss():
    new = metric("cider_d", 0.6, 0.3, 0.9)
    assert verdict({"max_forgetting": 0.1}, [OLD], [new]).blessed


def test_less_is_better_where_the_figure_says_so():
    old, new = (metric("cider_d", x, x - 0.01, x + 0.01, higher=False) for x in (0.1, 0.5))
    assert not verdict({"max_forgetting": 0.1}, [old], [new]).blessed
    assert verdict({"max_forgetting": 0.1}, [new], [old]).blessed


def test_force_blesses_what_has_forgotten():
    forced = verdict({"max_forgetting": 0.1}, [OLD], [metric("cider_d", 0.1)], force_bless="why")
    assert forced.blessed and forced.forced == "why"
    assert "last run that blessed the captioner" in forced.refusal


@pytest.mark.parametrize("forgetting", [None, Forgetting({}, {})])
def test_without_earlier_data_there_is_nothing_to_forget(forgetting):
    thresholds = read_thresholds({"cider_d": {"model": "captioner", "max_forgetting": 0.1}})
    found = judge([metric("cider_d", 0.9)], thresholds, {}, forgetting=forgetting)["captioner"]
    assert (
        found.blessed
        and "no earlier data that the captioner could have forgotten" in found.sentence
    )


def test_figures_of_other_models_and_other_eyes_are_not_compared():
    other = metric("cider_d", 0.1, extractor="another")
    assert verdict({"max_forgetting": 0.1}, [OLD], [other]).blessed
    thresholds = read_thresholds({"cider_d": {"model": "captioner", "max_forgetting": 0.1}})
    worse = by_name(metric("cider_d", 0.1))
    for after in ("generator", "captioner"):
        foreign = Forgetting({after: worse}, {"generator": by_name(OLD)})
        found = judge([metric("cider_d", 0.9)], thresholds, {}, forgetting=foreign)
        assert found["captioner"].blessed


def test_a_threshold_without_a_bound_asks_nothing_of_old_data():
    assert verdict({"min": 0.5}, [OLD], [metric("cider_d", 0.1)]).blessed
    plain, *bounded = (
        read_thresholds({"a": {"model": "encoder", **asked}})["a"]
        for asked in ({"min": 0.5}, {"max_forgetting": 0.0}, {"max_forgetting_share": 0.0})
    )
    assert not is_bounded(plain) and all(map(is_bounded, bounded))


@pytest.mark.parametrize("key", ["max_forgetting", "max_forgetting_share"])
def test_a_bound_is_0_or_more(key):
    with pytest.raises(SettingsError, match=f"{key} = -0.1"):
        read_thresholds({"a": {"model": "encoder", key: -0.1}})


def test_records_hold_what_thresholds_speak_of_once():
    thresholds = read_thresholds(
        {
            "cider_d": {"model": "captioner", "max_forgetting": 0.1},
            "cider*": {"model": "captioner", "min": 0.1},
            "f1": {"model": "encoder", "min": 0.1},
        }
    )
    new = dataclasses.replace(OLD, value=0.7)
    both = Forgetting(
        {"captioner": by_name(new, metric("bleu4", 0.2))},
        {"captioner": by_name(OLD, metric("bleu4", 0.3))},
    )
    assert both.records(thresholds) == [
        {"model": "captioner", "before": OLD.to_json(), "after": new.to_json()}
    ]
