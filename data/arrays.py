"""One split of prepared examples as numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from data import features, images, schema
from data.base.tfrecords import naming_damaged

_BATCH = 128


@dataclass(frozen=True)
class SplitArrays:
    """One split in memory, in the order of its files.

    Attributes:
      image_ids: N names.
      images: uint8[N, R, R, 3].
      ids: int32[N, C, L], PAD rows where a picture has fewer than C captions.
      caption_count: int32[N], the rows of `ids` in use.
      captions: all captions of each picture, also those past C.
      languages: a BCP-47 tag for each of `captions`.
      labels: float32[N, A], 1 where the picture has the attribute.
    """

    image_ids: list[str]
    images: np.ndarray
    ids: np.ndarray
    caption_count: np.ndarray
    captions: list[tuple[str, ...]]
    languages: list[tuple[str, ...]]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.image_ids)


def read_split(
    files: Sequence[str],
    attributes: Sequence[str],
    resolution: int,
    max_captions: int,
    max_length: int,
) -> SplitArrays:
    """Reads gzipped TFRecords of prepared examples; `attributes` names the columns of `labels`.

    Raises:
      DataError: a file is damaged.
    """
    with naming_damaged(files):
        batches = list(_batches(files, resolution, max_captions, max_length))
    count = sum(len(batch[schema.IMAGE_ID]) for batch in batches)
    captions = _lists(batches, schema.CAPTION_TEXT)
    return SplitArrays(
        image_ids=[
            name.decode("utf-8") for batch in batches for name in batch[schema.IMAGE_ID].numpy()
        ],
        images=_join(batches, features.IMAGE, np.uint8, (count, resolution, resolution, 3)),
        ids=_join(batches, features.CAPTION_IDS, np.int32, (count, max_captions, max_length)),
        caption_count=np.array([min(len(one), max_captions) for one in captions], np.int32),
        captions=captions,
        languages=_lists(batches, schema.CAPTION_LANGUAGE),
        labels=_multi_hot(_lists(batches, schema.ATTRIBUTE_NAME), attributes),
    )


def _batches(
    files: Sequence[str], resolution: int, max_captions: int, max_length: int
) -> tf.data.Dataset:
    spec = features.feature_spec(max_captions, max_length)

    @tf.autograph.experimental.do_not_convert
    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        batch = tf.io.parse_example(serialized, spec)
        batch[features.IMAGE] = images.preprocess_batch(batch[features.IMAGE], resolution)
        return batch

    records = tf.data.TFRecordDataset(files, "GZIP", num_parallel_reads=tf.data.AUTOTUNE)
    return records.batch(_BATCH).map(parse, num_parallel_calls=tf.data.AUTOTUNE).prefetch(4)


def _lists(batches: Sequence[Mapping], key: str) -> list[tuple[str, ...]]:
    rows = (row for batch in batches for row in batch[key].to_list())
    return [tuple(value.decode("utf-8") for value in row) for row in rows]


def _join(batches: Sequence[Mapping], key: str, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    parts = [batch[key].numpy() for batch in batches]
    if not parts:
        return np.zeros(shape, dtype)
    return np.concatenate(parts).astype(dtype, copy=False).reshape(shape)


def _multi_hot(rows: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    column = {name: index for index, name in enumerate(names)}
    labels = np.zeros((len(rows), len(names)), np.float32)
    for row, present in zip(labels, rows, strict=True):
        row[[column[name] for name in present if name in column]] = 1.0
    return labels
