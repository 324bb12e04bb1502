"""Regroups prepared examples into folds for cross-validation; each fold is held out once."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tensorflow as tf

from data.base.errors import DataError
from data.base.tfrecords import naming_damaged
from data.picture_files import content_hash
from data.prepared import IMAGE, PreparedData

_POOLED = ("train", "val")


def fold_of(image_hash: str, folds: int) -> int:
    """Returns the fold of a picture, 0 to `folds` - 1.

    Args:
      image_hash: `data.picture_files.content_hash` of the prepared picture. Its last digits decide,
        because the first ones have already decided between train and val.
    """
    return int(image_hash, 16) % folds


def split_into_folds(prepared: PreparedData, folds: int, directory: str) -> list[PreparedData]:
    """Regroups the pictures of train and val; the test split is not used.

    The fold depends only on the picture's pixels at the prepared resolution, so identical pictures
    are in the same fold. The vocabularies remain those of the whole train split.

    Args:
      prepared: with the splits train and val.
      folds: 2 or more.
      directory: of the folds' files, which are about as large as the prepared ones; complete files
        of an earlier call are reused.

    Returns:
      For each fold, the data with that fold as `val` and all others as `train`.

    Raises:
      DataError: a fold would be empty.
    """
    root = Path(directory)
    if not root.is_dir():
        _write(prepared, folds, root)
    paths = [str(_file(root, fold)) for fold in range(folds)]
    return [
        replace(prepared, files={"train": paths[:fold] + paths[fold + 1 :], "val": [paths[fold]]})
        for fold in range(folds)
    ]


def _write(prepared: PreparedData, folds: int, root: Path) -> None:
    partial = root.with_name(root.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    options = tf.io.TFRecordOptions("GZIP", compression_level=1)
    writers = [tf.io.TFRecordWriter(str(_file(partial, fold)), options) for fold in range(folds)]
    counts = [0] * folds
    files = [path for split in _POOLED for path in prepared.files[split]]
    with naming_damaged(files):
        for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
            fold = fold_of(content_hash(_picture(record)), folds)
            writers[fold].write(record)
            counts[fold] += 1
    for writer in writers:
        writer.close()
    _require_filled(counts)
    partial.rename(root)


def _picture(record: bytes) -> bytes:
    feature = tf.train.Example.FromString(record).features.feature
    return feature[IMAGE].bytes_list.value[0]


def _file(root: Path, fold: int) -> Path:
    return root / f"fold-{fold + 1}.tfrecord.gz"


def _require_filled(counts: Sequence[int]) -> None:
    if min(counts) < 2:
        raise DataError(
            f"{sum(counts)} pictures in {len(counts)} folds",
            f"fold {counts.index(min(counts)) + 1} holds {min(counts)}",
            "Choose fewer folds.",
        )
