"""The encoder as later stages use it: frozen, in batches, from numpy to numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data.images import to_float
from trainer.models.encoder import Encoder

_BATCH = 256


class PictureCodes(NamedTuple):
    """Codes of N pictures.

    Attributes:
      grid: float16 [N, P, C] local features.
      embedding: float32 [N, d] unit vectors.
      attributes: float32 [N, A] logits.
    """

    grid: np.ndarray
    embedding: np.ndarray
    attributes: np.ndarray


class FrozenEncoder:
    """Inference with an encoder whose weights no longer change."""

    def __init__(self, model: Encoder):
        self.model = model
        self._images = tf.function(self._encode_images, reduce_retracing=True)
        self._texts = tf.function(model.text_tower.__call__, reduce_retracing=True)

    def _encode_images(self, images):
        code = self.model.image_tower(to_float(images))
        return code._replace(grid=tf.cast(flatten_grid(code.grid), tf.float16))

    def images(self, images: np.ndarray) -> PictureCodes:
        """Encodes uint8 [N, R, R, 3]."""
        parts = [self._images(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
        return PictureCodes(
            *(np.concatenate([np.asarray(x) for x in each]) for each in zip(*parts, strict=True))
        )

    def texts(self, ids: np.ndarray) -> np.ndarray:
        """Encodes int32 [N, L] as unit vectors float32 [N, d]."""
        parts = [self._texts(ids[i : i + _BATCH]) for i in range(0, len(ids), _BATCH)]
        return np.concatenate([np.asarray(x) for x in parts])

    def all_captions(self, ids: np.ndarray) -> np.ndarray:
        """Encodes int32 [N, C, L], every caption of every picture, as float32 [N, C, d]."""
        count, captions, length = ids.shape
        return self.texts(ids.reshape(-1, length)).reshape(count, captions, -1)


def flatten_grid(grid: tf.Tensor) -> tf.Tensor:
    """[N, H, W, C] -> [N, H * W, C]."""
    return tf.reshape(grid, [tf.shape(grid)[0], grid.shape[1] * grid.shape[2], grid.shape[3]])
