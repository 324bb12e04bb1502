"""What StatisticsGen is told of the examples that CaptionExampleGen writes."""

from __future__ import annotations

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from data.schema import IMAGE_ENCODED


def statistics_options() -> tfdv.StatsOptions:
    """Options that take constant memory, whatever the number of pictures.

    By default TFDV counts how often each value of a feature occurs, encoded pictures among them,
    and holds them all. With the schema it measures pictures by their length alone. Other values are
    counted by sketches: exactly up to a thousand different ones of a feature, beyond that (whole
    captions, names of pictures) with a bounded error.
    """
    picture = schema_pb2.Feature(
        name=IMAGE_ENCODED,
        type=schema_pb2.BYTES,
        image_domain=schema_pb2.ImageDomain(),
    )
    return tfdv.StatsOptions(
        schema=schema_pb2.Schema(feature=[picture]), use_sketch_based_topk_uniques=True
    )
