"""StatisticsGen's options: pictures are measured, what is said of them is counted."""

from collections import Counter

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv

from components.data_gate.validation import statistics_options
from data import schema
from data.scenes import as_captioned_images

COUNT = 40


@pytest.fixture(scope="module")
def scenes():
    return list(as_captioned_images(COUNT, 16, seed=0))


@pytest.fixture(scope="module")
def found(scenes, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("scenes") / "data.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for scene in scenes:
            writer.write(schema.to_example(scene).SerializeToString())
    # By way of JSON, as the node gets them.
    options = tfdv.StatsOptions.from_json(statistics_options().to_json())
    (split,) = tfdv.generate_statistics_from_tfrecord(path, stats_options=options).datasets
    return {".".join(feature.path.step): feature for feature in split.features}


def test_pictures_are_measured_and_not_held(found, scenes):
    picture = found[schema.IMAGE_ENCODED]
    assert picture.WhichOneof("stats") == "bytes_stats"
    assert picture.bytes_stats.max_num_bytes == max(len(scene.encoded) for scene in scenes)
    assert picture.bytes_stats.common_stats.num_non_missing == COUNT


@pytest.mark.parametrize(
    ("name", "values"),
    [(schema.CAPTION_LANGUAGE, "languages"), (schema.ATTRIBUTE_NAME, "attributes")],
)
def test_languages_and_attributes_are_counted_exactly(found, scenes, name, values):
    told = found[name].string_stats
    counted = Counter(value for scene in scenes for value in getattr(scene, values))
    assert told.unique == len(counted)
    ranked = {bucket.label: bucket.sample_count for bucket in told.rank_histogram.buckets}
    assert ranked == counted
