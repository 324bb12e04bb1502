"""Files of artefacts: reads examples, and keeps output of failed components; needs no TFX."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import islice

import tensorflow as tf

from data.base import files
from data.base.tfrecords import naming_damaged
from data.schema import CaptionedImage, from_example


def read_examples(split_uri: str, limit: int | None = None) -> Iterator[CaptionedImage]:
    """Yields the first `limit` captioned pictures of the gzipped TFRecords under `split_uri`.

    Raises:
      FileNotFoundError: the directory has no file.
      DataError: a file is damaged.
    """
    paths = sorted(files.matching(split_uri, "*"))
    if not paths:
        raise FileNotFoundError(f"{split_uri} holds no examples; was the split left out?")
    with naming_damaged(paths):
        records = tf.data.TFRecordDataset(paths, compression_type="GZIP")
        for record in islice(records.as_numpy_iterator(), limit):
            yield from_example(record)


def keep_after_failure(output_uri: str, name: str, content: str) -> str:
    """Writes `content` to a file that survives the failed execution; returns its path.

    TFX deletes the outputs of a failed execution. The file is therefore written to `stopped/` in
    the component's folder, under the number of the execution.

    Args:
      output_uri: of one of the outputs, `<component>/<output>/<execution>`.
      name: of the file.
      content: UTF-8 text.
    """
    channel, execution = posixpath.split(output_uri.rstrip("/"))
    path = posixpath.join(posixpath.dirname(channel), "stopped", execution, name)
    files.write_whole(path, content.encode("utf-8"))
    return path
