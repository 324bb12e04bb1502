"""What all exported models share: tracked weights, text and picture input, tf.Example input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from data import images, text
from data.graphs import graph
from trainer.config import Experiment
from trainer.export.chunks import in_chunks
from trainer.export.errors import with_errors
from trainer.export.inputs import read_examples, read_pictures, read_texts


def column(name: str, dtype: tf.DType) -> tf.TensorSpec:
    """An argument [N] called `name` in the signature."""
    return tf.TensorSpec([None], dtype, name=name)


def strings(name: str) -> tf.TensorSpec:
    """A string[N] argument called `name` in the signature."""
    return column(name, tf.string)


class ServedModule(tf.Module):
    """Holds what a SavedModel must keep: raw variables of Keras models and the vocabulary table.

    The Keras objects themselves stay outside: a Keras 3 model attached to a tf.Module drags its
    own saving logic into the export.
    """

    def __init__(self, models: tuple[keras.Layer, ...], experiment: Experiment, token_file: str):
        super().__init__()
        self.weights = [variable.value for model in models for variable in model.variables]
        self.table = text.table_from_file(token_file)
        self._limits = experiment.export
        self._max_length, self._resolution = experiment.data.max_length, experiment.data.resolution

    def texts(self, captions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `read_texts`."""
        return read_texts(captions, self._limits)

    def ids(self, captions: tf.Tensor) -> tf.Tensor:
        """string[N] -> int32 [N, max_length]."""
        return text.encode(captions, self.table, self._max_length)

    def oov(self, captions: tf.Tensor) -> tf.Tensor:
        """string[N] -> float32 [N], the share of unknown words."""
        return text.oov_share(captions, self.table)

    def pictures(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """string[N] PNG or JPEG files -> float32 [N, R, R, 3] in [-1, 1], and string [N] errors."""
        pixels, errors = read_pictures(encoded, self._resolution, self._limits)
        return images.to_float(pixels), errors

    def in_chunks(self, function: Callable[..., Any], rows: tuple, signature: Any) -> Any:
        """See `in_chunks`."""
        return in_chunks(function, rows, self._limits.chunk, signature)


def from_examples(key: str, answer: Callable[[tf.Tensor], dict[str, tf.Tensor]]):
    """A signature on serialized tf.Examples that feeds their feature `key` to `answer`."""

    def examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        values, errors = read_examples(examples, key)
        return with_errors(answer(values), errors)

    return graph(examples, input_signature=[strings("examples")])
