"""What all exported models share: tracked weights, text and picture input, tf.Example input."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from data import images, schema, text

STRINGS = tf.TensorSpec([None], tf.string)


def strings(name: str) -> tf.TensorSpec:
    """A string[N] argument called `name` in the signature."""
    return tf.TensorSpec([None], tf.string, name=name)


class ServedModule(tf.Module):
    """Holds what a SavedModel must keep: raw variables of Keras models and the vocabulary table.

    The Keras objects themselves stay outside: a Keras 3 model attached to a tf.Module drags its
    own saving logic into the export.
    """

    def __init__(
        self, models: tuple[keras.Layer, ...], token_file: str, max_length: int, resolution: int
    ):
        super().__init__()
        self.weights = [variable.value for model in models for variable in model.variables]
        self.table = text.table_from_file(token_file)
        self._max_length, self._resolution = max_length, resolution

    def ids(self, captions: tf.Tensor) -> tf.Tensor:
        """string[N] -> int32 [N, max_length]."""
        return text.encode(captions, self.table, self._max_length)

    def oov(self, captions: tf.Tensor) -> tf.Tensor:
        """string[N] -> float32 [N], the share of unknown words."""
        return text.oov_share(captions, self.table)

    def pictures(self, encoded: tf.Tensor) -> tf.Tensor:
        """string[N] PNG or JPEG files -> float32 [N, R, R, 3] in [-1, 1]."""
        return images.to_float(images.preprocess_batch(encoded, self._resolution))


def from_examples(key: str, answer: Callable[[tf.Tensor], dict[str, tf.Tensor]]):
    """A signature on serialized tf.Examples that feeds their feature `key` to `answer`.

    Of a feature with several values, such as captions, the first is taken.
    """
    spec = {key: tf.io.RaggedFeature(tf.string)}

    def examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, spec)[key]
        return answer(parsed[:, :1].to_tensor(default_value="", shape=[None, 1])[:, 0])

    return tf.function(examples, input_signature=[strings("examples")])


def from_example_pictures(answer):
    """`from_examples` on the picture."""
    return from_examples(schema.IMAGE_ENCODED, answer)


def from_example_captions(answer):
    """`from_examples` on the first caption."""
    return from_examples(schema.CAPTION_TEXT, answer)
