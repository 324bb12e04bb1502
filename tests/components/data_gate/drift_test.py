"""Drift and skew as TFDV measures them, on statistics made by hand."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.data_gate.validation import drift_findings, with_comparators
from components.transform import SCHEMA_FILE
from data.checking.findings import CheckLimits


@pytest.fixture(scope="module")
def schema():
    with open(SCHEMA_FILE, encoding="utf-8") as file:
        return text_format.Parse(file.read(), schema_pb2.Schema())


def statistics(languages, height=64, count=200):
    """Statistics of `count` pictures: captions by language, and one height for all."""
    made = statistics_pb2.DatasetFeatureStatisticsList()
    data = made.datasets.add(num_examples=count)
    tags = data.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    tags.path.step.append("caption/language")
    tags.string_stats.unique = len(languages)
    _common(tags.string_stats.common_stats, count)
    for place, (tag, share) in enumerate(languages.items()):
        uses = share * count
        tags.string_stats.top_values.add(value=tag, frequency=uses)
        tags.string_stats.rank_histogram.buckets.add(
            low_rank=place, high_rank=place, label=tag, sample_count=uses
        )
    sides = data.features.add(type=statistics_pb2.FeatureNameStatistics.INT)
    sides.path.step.append("image/height")
    _common(sides.num_stats.common_stats, count)
    sides.num_stats.min = sides.num_stats.max = sides.num_stats.mean = height
    histogram = sides.num_stats.histograms.add()
    histogram.buckets.add(low_value=height - 1, high_value=height, sample_count=count)
    return made


def _common(stats, count):
    stats.num_non_missing = stats.tot_num_values = count
    stats.min_num_values = stats.max_num_values = stats.avg_num_values = 1


def found(now, before, schema, **limits):
    return list(drift_findings(now, before, schema, CheckLimits(**limits)))


EVEN = {"en": 0.5, "zh": 0.5}


def test_the_same_data_have_not_drifted(schema):
    assert found({"train": statistics(EVEN)}, statistics(EVEN), schema) == []


def test_another_mix_of_languages_has_drifted(schema):
    (one,) = found({"train": statistics({"en": 0.9, "zh": 0.1})}, statistics(EVEN), schema)
    assert (one.check, one.stops) == ("drift", False)
    assert one.what.startswith("caption/language of train since the last blessed run: l infty")
    assert "0.40, above 0.30" in one.what
    again = {"train": statistics({"en": 0.9, "zh": 0.1})}
    assert found(again, statistics(EVEN), schema, max_drift=0.5) == []
    assert found(again, statistics(EVEN), schema, stop_on_drift=True)[0].stops


def test_other_sizes_have_drifted(schema):
    (one,) = found({"train": statistics(EVEN, 32)}, statistics(EVEN, 512), schema)
    assert one.check == "drift" and "image/height" in one.what and "jensen shannon" in one.what


def test_a_split_of_another_mix_is_skewed(schema):
    now = {"train": statistics(EVEN), "val": statistics(EVEN), "test": statistics({"en": 1.0})}
    (one,) = found(now, None, schema)
    assert one.check == "skew" and "between train and test" in one.what


def test_few_pictures_say_nothing(schema):
    now = {"train": statistics({"en": 1.0}, count=50)}
    assert found(now, statistics(EVEN), schema) == []


def test_a_reviewed_threshold_stands(schema):
    own = schema_pb2.Schema()
    own.CopyFrom(schema)
    (feature,) = [one for one in own.feature if one.name == "caption/language"]
    feature.drift_comparator.infinity_norm.threshold = 0.9
    made = {one.name: one for one in with_comparators(own, CheckLimits()).feature}
    assert made["caption/language"].drift_comparator.infinity_norm.threshold == 0.9
    assert made["caption/language"].skew_comparator.infinity_norm.threshold == 0.3
    assert not made["image/encoded"].HasField("drift_comparator")
