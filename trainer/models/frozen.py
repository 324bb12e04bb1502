"""Batched inference with the frozen encoder, for the captioner and the generator."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data.base.graphs import graph_of_rows
from data.images import to_float
from trainer.models.encoder import Encoder, condition_vector

_BATCH = 256


class PictureCodes(NamedTuple):
    """Codes of N pictures.

    Attributes:
      grid: float16 [N, P, C], the feature map.
      embedding: float32 [N, d] unit vectors.
      attributes: float32 [N, A] logits.
      condition: float32 [N, c], the condition vector of a captioner.
    """

    grid: np.ndarray
    embedding: np.ndarray
    attributes: np.ndarray
    condition: np.ndarray


class SentenceCodes(NamedTuple):
    """Codes of N captions.

    Attributes:
      embedding: float32 [N, d] unit vectors.
      attributes: float32 [N, A] logits.
      condition: float32 [N, c], the condition vector of a generator.
    """

    embedding: np.ndarray
    attributes: np.ndarray
    condition: np.ndarray


class FrozenEncoder:
    """Inference with an encoder whose weights no longer change.

    `images`, `texts` and `all_captions` take and return NumPy arrays; `see` works in a graph.
    """

    def __init__(self, model: Encoder):
        self.model = model
        self._images = graph_of_rows(self._encode_images)
        self._texts = graph_of_rows(self._encode_texts)

    def _encode_images(self, images):
        return self.see(to_float(images))

    def see(self, images: tf.Tensor) -> PictureCodes:
        """Encodes pictures inside a graph.

        Args:
          images: float32 [N, R, R, 3] in [-1, 1].

        Returns:
          codes as tensors, with the shapes and dtypes of `PictureCodes`.
        """
        code = self.model.image_tower(images)
        grid = tf.cast(flatten_grid(code.grid), tf.float16)
        return PictureCodes(grid, code.embedding, code.attributes, condition_vector(code))

    def _encode_texts(self, ids):
        code = self.model.text_tower(ids)
        return SentenceCodes(code.embedding, code.attributes, condition_vector(code))

    def images(self, images: np.ndarray) -> PictureCodes:
        """Encodes pictures, uint8 [N, R, R, 3]."""
        return PictureCodes(*_in_batches(self._images, images))

    def texts(self, ids: np.ndarray) -> SentenceCodes:
        """Encodes captions, int32 [N, L] token ids."""
        return SentenceCodes(*_in_batches(self._texts, ids))

    def all_captions(self, ids: np.ndarray) -> SentenceCodes:
        """Encodes every caption of every picture.

        Args:
          ids: int32 [N, C, L].

        Returns:
          codes with fields [N, C, ...].
        """
        count, captions, length = ids.shape
        codes = self.texts(ids.reshape(-1, length))
        return SentenceCodes(*(field.reshape(count, captions, -1) for field in codes))


def _in_batches(encode, inputs: np.ndarray) -> list[np.ndarray]:
    """Applies `encode` batch by batch and concatenates each field of the results."""
    parts = [encode(inputs[i : i + _BATCH]) for i in range(0, len(inputs), _BATCH)]
    return [np.concatenate([np.asarray(x) for x in field]) for field in zip(*parts, strict=True)]


def flatten_grid(grid: tf.Tensor) -> tf.Tensor:
    """Reshapes a feature map [N, H, W, C] to [N, H * W, C]."""
    return tf.reshape(grid, [tf.shape(grid)[0], grid.shape[1] * grid.shape[2], grid.shape[3]])
