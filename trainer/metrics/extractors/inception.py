"""InceptionV3 with weights from a file that the user gives."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from data.graphs import graph_of_rows
from trainer.metrics.extractors.base import digest_of, require_pictures
from trainer.settings_loader import SettingsError

SIDE = 299
WIDTH = 2048
_CLASSES = 1000
_BATCH = 32


class Inception:
    """`keras.applications.InceptionV3`, its pooled features and its classes.

    Pictures are resized once, with antialiasing, from bytes to float, and not rounded again (Parmar
    et al., On Aliased Resizing, 2022). Published FIDs mostly rest on another set of weights (of
    2015): figures compare only where the digest is the same.

    Attributes:
      name, digest: see `Extractor`; the digest is that of the file.
      classifies: whether the file holds the classes too, without which there is no inception score.
    """

    name = "inception"

    def __init__(self, weights: str):
        """Reads `weights`, an .h5 or .weights.h5 file of the whole network or without its top.

        Raises:
          SettingsError: there is no such file, or its weights do not fit.
        """
        path = Path(weights)
        if not path.is_file():
            raise SettingsError(f"{weights}: no such file; give the weights of Keras's InceptionV3")
        self.digest = digest_of([path.read_bytes()])
        whole = _loaded(weights, True)
        self.classifies = whole is not None
        model = whole if whole is not None else _loaded(weights, False)
        if model is None:
            raise SettingsError(
                f"{weights}: these are not the weights of keras.applications.InceptionV3, neither "
                "with its top nor without"
            )
        outputs = [model.output]
        if self.classifies:
            outputs = [model.get_layer("avg_pool").output, model.output]
        self._model = keras.Model(model.input, outputs)
        self._run = graph_of_rows(self._look)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 [N, h, w, 3] -> float32 [N, 2048]."""
        return self.look(pictures)[0]

    def look(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """uint8 [N, h, w, 3] -> features float32 [N, 2048], probabilities [N, 1000] or None."""
        pictures = require_pictures(pictures)
        found = [
            [np.asarray(part) for part in self._run(pictures[start : start + _BATCH])]
            for start in range(0, len(pictures), _BATCH)
        ]
        features = np.concatenate(
            [np.zeros((0, WIDTH), np.float32), *(parts[0] for parts in found)]
        )
        if not self.classifies:
            return features, None
        none = np.zeros((0, _CLASSES), np.float32)
        return features, np.concatenate([none, *(parts[1] for parts in found)])

    def _look(self, pictures):
        size = [SIDE, SIDE]
        x = tf.image.resize(tf.cast(pictures, tf.float32), size, "bicubic", antialias=True)
        # A network of one output returns it bare.
        return tf.nest.flatten(self._model(x / 127.5 - 1.0, training=False))


def _loaded(weights: str, top: bool) -> keras.Model | None:
    """The network with those weights, or None where they do not fit it."""
    pooling = None if top else "avg"
    model = keras.applications.InceptionV3(include_top=top, weights=None, pooling=pooling)
    try:
        model.load_weights(weights)
    except (ValueError, KeyError, OSError):
        return None
    return model
