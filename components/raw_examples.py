"""Reading captioned pictures back from an Examples artifact's split; needs no TFX."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import tensorflow as tf

from data.base import files
from data.base.tfrecords import naming_damaged
from data.schema import CaptionedImage, from_example


def read(split_uri: str, limit: int | None = None) -> Iterator[CaptionedImage]:
    """Yields the first `limit` captioned pictures of the gzipped TFRecords under `split_uri`.

    Raises:
      FileNotFoundError: the directory holds no file.
      DataError: a file is damaged.
    """
    paths = sorted(files.matching(split_uri, "*"))
    if not paths:
        raise FileNotFoundError(f"{split_uri} holds no examples; was the split left out?")
    with naming_damaged(paths):
        records = tf.data.TFRecordDataset(paths, compression_type="GZIP")
        for record in islice(records.as_numpy_iterator(), limit):
            yield from_example(record)
