"""Reports damaged TFRecord files of a run, with the step that creates them again."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import tensorflow as tf

from data.base import files
from data.base.errors import DataError

_SPLIT = "Split-"


@contextmanager
def naming_damaged(paths: Sequence[str]) -> Iterator[None]:
    """Replaces an error while reading `paths` with one that names the damaged file.

    TensorFlow's error names no file, and it reads an empty file as one without records.

    Raises:
      DataError: one of the files is damaged.
    """
    if empty := [path for path in paths if not files.size(path)]:
        raise _error(empty[0], "it is empty")
    try:
        yield
    except tf.errors.OpError:
        require_whole(paths)
        raise


def require_whole(paths: Sequence[str]) -> None:
    """Reads all records, so that TensorFlow compares their checksums; raises DataError."""
    for path in paths:
        if not files.size(path):
            raise _error(path, "it is empty")
        try:
            for _ in tf.data.TFRecordDataset(path, "GZIP"):
                pass
        except tf.errors.OpError as error:
            raise _error(path, error.message.splitlines()[0][:100]) from None


def _error(path: str, why: str) -> DataError:
    folder = posixpath.dirname(path)
    if posixpath.basename(folder).startswith(_SPLIT):
        # The artefact of a node, which is created again only if all of it is deleted.
        folder = posixpath.dirname(folder)
    remedy = f"Delete {folder}, and give the command again: it is made again."
    return DataError(path, f"the file is damaged ({why})", remedy)
