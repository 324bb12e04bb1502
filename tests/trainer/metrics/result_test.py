import dataclasses
import json
import math

import pytest

from trainer.metrics.result import Metric

METRIC = Metric(
    name="r_precision_1of100",
    value=0.5,
    low=0.4,
    high=0.6,
    n=1000,
    split="test",
    seed=3,
    chance=0.01,
    ceiling=None,
    higher_is_better=True,
    protocol="A picture finds its caption.",
    baselines={"mean_image": 0.01},
    parts={"colour": 0.7},
    extractor="encoder:0123",
)


def test_survives_json():
    assert Metric.from_json(json.loads(json.dumps(METRIC.to_json()))) == METRIC


def test_draws_stay_in_memory():
    drawn = dataclasses.replace(METRIC, draws=(0.4, 0.6), counts=((1.0, 1.0),))
    assert not {"draws", "counts"} & set(drawn.to_json())
    assert drawn == METRIC


def test_a_record_older_than_a_field_with_a_default_is_read():
    record = METRIC.to_json()
    for key in ("baselines", "parts", "extractor"):
        del record[key]
    back = Metric.from_json(record)
    assert (back.baselines, back.parts, back.extractor) == ({}, {}, "")


def test_no_better_direction_survives_json():
    undirected = dataclasses.replace(METRIC, higher_is_better=None)
    assert Metric.from_json(json.loads(json.dumps(undirected.to_json()))) == undirected


def test_json_holds_no_nan():
    record = {**METRIC.to_json(), "value": math.nan, "baselines": {"a": math.nan}}
    written = json.dumps(Metric(**record).to_json(), allow_nan=False)
    back = Metric.from_json(json.loads(written))
    assert math.isnan(back.value)
    assert math.isnan(back.baselines["a"])


@pytest.mark.parametrize("change", [{"extra": 1}, {"n": None}])
def test_wrong_keys_are_named(change):
    record = METRIC.to_json()
    if "extra" in change:
        record["extra"] = 1
    else:
        del record["n"]
    with pytest.raises(ValueError, match=f"r_precision_1of100.*'{next(iter(change))}'"):
        Metric.from_json(record)


def test_a_record_from_before_a_field_was_there_is_read():
    record = METRIC.to_json()
    for key in ("extractor", "parts", "baselines"):
        del record[key]
    back = Metric.from_json(record)
    assert (back.extractor, back.parts, back.baselines) == ("", {}, {})
    assert back.name == METRIC.name
