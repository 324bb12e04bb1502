"""The graph from raw to prepared examples: the functions of `data` in TensorFlow Transform.

A custom analyzer computes the vocabulary of labels for data of any size. It counts both given
attributes and mined words, so that the data is read once: which of them is used is known only at
the end.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

from data import mining, prepared, schema, text
from data.base.graphs import graph
from data.label_rules import CAPTIONS, CONTENT, GIVEN, LabelRules
from data.mining import require_taggers

TOKENS = "tokens"
ATTRIBUTES = "attributes"

# Transform traces `preprocessing_fn` a dozen times. As separate functions, these are traced once.
_tokenise = graph(text.tokenise)
_shrink = graph(prepared.shrink)
_candidates = graph(mining.candidates)


@dataclass(frozen=True)
class _Analysed:
    """The vocabulary of an analyzer, which is known when the graph is run."""

    file: Any

    def lookup(self, keys: tf.Tensor) -> tf.Tensor:
        """Maps string[n] to ids, int64[n], as `text.Vocabulary.table` does."""
        first = len(text.SPECIAL)
        return first + tft.apply_vocabulary(keys, self.file, default_value=text.UNK - first)


def preprocessing_fn(
    inputs: Mapping[str, Any], custom_config: Mapping[str, Any]
) -> dict[str, tf.Tensor | tf.SparseTensor]:
    """Computes the prepared features (see `data.prepared`) of a batch of N raw examples.

    Adds two vocabulary files to the graph's assets, `tokens` and `attributes`, one entry per line,
    most frequent first, without special tokens.

    Args:
      inputs: the features of `data.schema`; those with several values may be dense, sparse or
        ragged, depending on the schema, and attributes may be missing.
      custom_config: `resolution`, `max_captions`, `max_length`, `vocabulary_size`, `min_count`, and
        optionally `labels`, `max_labels`, `min_label_count`, `label_words`, as in
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
    """Converts a dense, sparse or ragged batch to string[N, (n)]."""
    if isinstance(values, tf.RaggedTensor):
        return values
    if isinstance(values, tf.SparseTensor):
        return tf.RaggedTensor.from_sparse(values)
    return tf.RaggedTensor.from_tensor(values if values.shape.rank == 2 else values[:, None])


def with_labels(
    attributes: tf.RaggedTensor,
    captions: tf.RaggedTensor,
    tokens: tf.RaggedTensor,
    rules: LabelRules,
    file: str,
) -> tf.RaggedTensor:
    """Returns the labels of N pictures, and adds their vocabulary to the graph's assets.

    Args:
      attributes, captions: string[N, (n)].
      tokens: string[M, (tokens)], `text.tokenise` of the flat captions.
      rules: the source of labels.
      file: name of the vocabulary file.

    Returns:
      string[N, (n)].
    """
    if rules.labels == GIVEN:
        tft.vocabulary(attributes.flat_values, vocab_filename=file)
        return attributes
    if rules.label_words == CONTENT:
        require_taggers()
    if rules.labels == CAPTIONS:
        attributes = attributes[:, :0]
    found = _candidates(captions, tokens)
    given = tf.size(attributes.flat_values)
    # If a picture has attributes, nothing is mined, so its batch need not be counted.
    counted = found.flat_values[: tf.where(given > 0, 0, tf.size(found.flat_values))]
    (vocabulary,) = tft.experimental.ptransform_analyzer(
        [attributes.flat_values, counted],
        _Learn(rules, file),
        [tf.string],
        [[]],
        output_asset_default_values=[text.EMPTY_VOCABULARY_LINE.encode()],
    )
    none_given = tft.sum(tf.cast(given, tf.int64)) == 0

    def wanted(names: tf.Tensor) -> tf.Tensor:
        return none_given & (tft.apply_vocabulary(names, vocabulary, default_value=-1) >= 0)

    return tf.concat([attributes, mining.keep_labels(found, wanted)], axis=1)


class _Learn(tft_beam.experimental.PTransformAnalyzer):
    """Maps batches of (attributes, candidates) to the path of a file of names, one a line."""

    def __init__(self, rules: LabelRules, file: str):
        super().__init__()
        self._rules, self._file = rules, file

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        rules, folder = self._rules, self.base_temp_dir
        least = {GIVEN: 1, CAPTIONS: rules.min_label_count}
        return (
            pcoll
            | "CountBatch" >> beam.FlatMap(_count)
            | "Count" >> beam.CombinePerKey(sum)
            | "Frequent" >> beam.Filter(lambda item: item[1] >= least[item[0][0]])
            | "Gather" >> beam.combiners.ToList()
            | "Choose" >> beam.Map(_choose, rules)
            | "Write" >> beam.Map(_write, folder, self._file)
        )


def _count(batch: Sequence[np.ndarray]) -> Iterator[tuple[tuple[str, bytes], int]]:
    for source, words in zip((GIVEN, CAPTIONS), batch, strict=True):
        for word, n in collections.Counter(words.tolist()).items():
            yield (source, word), n


def _choose(counts: Iterable[tuple[tuple[str, bytes], int]], rules: LabelRules) -> list[str]:
    by_source: dict[str, dict[str, int]] = {GIVEN: {}, CAPTIONS: {}}
    for (source, word), n in counts:
        by_source[source][word.decode("utf-8")] = n
    return text.ranked(by_source[GIVEN], None, 1) or mining.choose(by_source[CAPTIONS], rules)


def _write(names: Sequence[str], folder: str, name: str) -> np.ndarray:
    tf.io.gfile.makedirs(folder)
    path = tf.io.gfile.join(folder, name)
    # A table cannot be created from an empty file.
    lines = "".join(f"{name}\n" for name in names or [text.EMPTY_VOCABULARY_LINE])
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(lines.encode("utf-8"))
    return np.array(path)
