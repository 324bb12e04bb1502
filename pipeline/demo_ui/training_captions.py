"""The captions that a run was trained on, and which of them are nearest to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data import schema
from data.base.tfrecords import naming_damaged

# More would make the start slow and the list of the nearest hardly better.
LIMIT = 20_000
_BATCH = 256
_EXAMPLES = "Transform/transformed_examples/*/Split-train/*"


def read(pipeline_root: Path, limit: int = LIMIT) -> list[str]:
    """Different captions of a run's train split, the first `limit`; none where it left no data."""
    files = sorted(pipeline_root.glob(_EXAMPLES), key=_execution)
    if not files:
        return []
    last = [str(file) for file in files if _execution(file) == _execution(files[-1])]
    spec = {schema.CAPTION_TEXT: tf.io.RaggedFeature(tf.string)}
    records = tf.data.TFRecordDataset(last, compression_type="GZIP").batch(_BATCH)
    batches = records.map(lambda batch: tf.io.parse_example(batch, spec)[schema.CAPTION_TEXT])
    texts = (text for batch in batches for text in batch.flat_values.numpy())
    with naming_damaged(last):
        unique = dict.fromkeys(text.decode("utf-8") for text in islice(texts, 4 * limit))
    return list(unique)[:limit]


class Captions:
    """Captions with their codes."""

    def __init__(self, encoder: Any, captions: Sequence[str]):
        """Asks a loaded encoder for the code of every caption."""
        self._captions = list(captions)
        codes = [
            encoder.signatures["embed_text"](
                text=tf.constant(self._captions[start : start + _BATCH])
            )
            for start in range(0, len(self._captions), _BATCH)
        ]
        self._codes = np.concatenate([code["embedding"].numpy() for code in codes] or [[]])

    def nearest(self, code: np.ndarray, count: int) -> list[tuple[str, float]]:
        """The captions of greatest cosine similarity to a unit vector, the greatest first."""
        if not self._captions:
            return []
        scores = self._codes @ code
        best = np.argsort(-scores, kind="stable")[:count]
        return [(self._captions[place], float(scores[place])) for place in best]


def _execution(file: Path) -> int:
    """The number of the node's run that wrote a file."""
    return int(file.parts[-3])
