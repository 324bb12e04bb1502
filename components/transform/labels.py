"""The vocabulary of labels as an analyzer of TensorFlow Transform, of any size of data.

One analyzer counts given attributes and mined words side by side, so that the data is read once:
which of them is wanted is known only at the end.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

from data import mining, text
from data.base.graphs import graph
from data.label_rules import CAPTIONS, CONTENT, GIVEN, LabelRules
from data.mining import require_taggers

# Traced once, however often the graph around it is.
_candidates = graph(mining.candidates)


def with_labels(
    attributes: tf.RaggedTensor,
    captions: tf.RaggedTensor,
    tokens: tf.RaggedTensor,
    rules: LabelRules,
    file: str,
) -> tf.RaggedTensor:
    """Returns the labels of N pictures, and leaves their vocabulary among the graph's assets.

    Args:
      attributes, captions: string[N, (n)].
      tokens: string[M, (tokens)], `text.tokenise` of the flat captions.
      rules: which labels are wanted.
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
    # A picture with attributes settles that nothing is mined: its batch need not be counted.
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
    """Batches (attributes, candidates) -> the path of a file of the names, one a line."""

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
    # No table is made from an empty file.
    lines = "".join(f"{name}\n" for name in names or [text.EMPTY_VOCABULARY_LINE])
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(lines.encode("utf-8"))
    return np.array(path)
