"""The graph from raw to prepared examples: TensorFlow Transform around the functions of `data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.transform.labels import with_labels
from data import prepared, schema, text
from data.base.graphs import graph
from data.label_rules import LabelRules

TOKENS = "tokens"
ATTRIBUTES = "attributes"

# Transform traces what follows a dozen times. As functions of their own these are traced once.
_tokenise = graph(text.tokenise)
_shrink = graph(prepared.shrink)


@dataclass(frozen=True)
class _Analysed:
    """The vocabulary that an analyzer will have learned when the graph is run."""

    file: Any

    def lookup(self, keys: tf.Tensor) -> tf.Tensor:
        """Maps string[n] to int64[n] ids, the ones of `text.Vocabulary.table`."""
        first = len(text.SPECIAL)
        return first + tft.apply_vocabulary(keys, self.file, default_value=text.UNK - first)


def preprocessing_fn(
    inputs: Mapping[str, Any], custom_config: Mapping[str, Any]
) -> dict[str, tf.Tensor | tf.SparseTensor]:
    """Computes the prepared features (see `data.prepared`) of a batch of N raw examples.

    Leaves two vocabulary files among the graph's assets, `tokens` and `attributes`, one entry per
    line, the most frequent first, without special tokens.

    Args:
      inputs: the features of `data.schema`; those of several values may be dense, sparse or ragged,
        as the schema has it, and attributes may be missing.
      custom_config: `resolution`, `max_captions`, `max_length`, `vocabulary_size`, `min_count`, and
        if wanted `labels`, `max_labels`, `min_label_count`, `label_words`, as in
        `data.prepared.prepare`.

    Returns:
      `image/id` string[N], `image` string[N], `caption/ids` int64[N, max_captions * max_length],
      and sparse strings `caption/text`, `caption/language`, `attribute/name`.
    """
    captions = _ragged(inputs[schema.CAPTION_TEXT])
    languages = _ragged(inputs[schema.CAPTION_LANGUAGE])
    attributes = _ragged(inputs.get(schema.ATTRIBUTE_NAME, captions[:, :0]))
    tokens = _tokenise(captions.flat_values)
    vocabulary = tft.vocabulary(
        tokens.flat_values,
        top_k=custom_config["vocabulary_size"],
        frequency_threshold=custom_config["min_count"],
        vocab_filename=TOKENS,
    )
    attributes = with_labels(attributes, captions, tokens, _rules(custom_config), ATTRIBUTES)
    encoded = tf.reshape(inputs[schema.IMAGE_ENCODED], [-1])
    return {
        schema.IMAGE_ID: tf.reshape(inputs[schema.IMAGE_ID], [-1]),
        prepared.IMAGE: _shrink(encoded, custom_config["resolution"]),
        schema.CAPTION_TEXT: captions.to_sparse(),
        schema.CAPTION_LANGUAGE: languages.to_sparse(),
        prepared.CAPTION_IDS: prepared.encode_captions(
            captions,
            tokens,
            _Analysed(vocabulary),
            custom_config["max_captions"],
            custom_config["max_length"],
        ),
        schema.ATTRIBUTE_NAME: attributes.to_sparse(),
    }


def _rules(custom_config: Mapping[str, Any]) -> LabelRules:
    named = {field.name for field in fields(LabelRules)} & custom_config.keys()
    return LabelRules(**{name: custom_config[name] for name in named})


def _ragged(values: Any) -> tf.RaggedTensor:
    """Returns string[N, (n)] of a dense, sparse or ragged batch."""
    if isinstance(values, tf.RaggedTensor):
        return values
    if isinstance(values, tf.SparseTensor):
        return tf.RaggedTensor.from_sparse(values)
    return tf.RaggedTensor.from_tensor(values if values.shape.rank == 2 else values[:, None])
