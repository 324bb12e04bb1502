"""Examples as the models read them: written once, by TFX Transform or by `prepare`, read anywhere.

One prepared example holds the picture as a lossless PNG at the model's resolution, its captions
as text and as ids, and its attributes. The vocabularies are learned from the train split only.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import posixpath
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from data import features, mining, schema, text
from data.arrays import SplitArrays, read_split
from data.base.files import matching, read_json
from data.base.graphs import graph
from data.base.tfrecords import naming_damaged
from data.label_rules import LabelRules

_SETTINGS = "prepared.json"
_FIELDS = ("splits", "resolution", "max_captions", "max_length")
_TOKENS = "tokens"
_ATTRIBUTES = "attributes"
_BATCH = 128


@dataclass(frozen=True)
class PreparedData:
    """Where the prepared examples are, and what is needed to read them.

    Attributes:
      files: gzipped TFRecord files by split.
      tokens: the caption vocabulary.
      attributes: attribute names, most frequent first.
      resolution: side of the pictures in pixels.
      max_captions: captions kept as ids for each picture.
      max_length: ids kept for each caption, START and END included.
    """

    files: dict[str, list[str]]
    tokens: text.Vocabulary
    attributes: tuple[str, ...]
    resolution: int
    max_captions: int
    max_length: int

    def fingerprint(self) -> str:
        """Returns a hex digest of the settings, the vocabularies and the examples in their order.

        Not of the files' bytes: TFX writes the features of an example in another order each time.

        Raises:
          DataError: a file is damaged.
        """
        digest = hashlib.sha256(
            repr((self.resolution, self.max_captions, self.max_length, self.attributes)).encode()
        )
        digest.update(self.tokens.fingerprint().encode())
        for split in sorted(self.files):
            digest.update(split.encode())
            with naming_damaged(self.files[split]):
                for record in tf.data.TFRecordDataset(self.files[split], "GZIP"):
                    example = tf.train.Example.FromString(record.numpy())
                    plain = example.SerializeToString(deterministic=True)
                    digest.update(len(plain).to_bytes(8, "big") + plain)
        return digest.hexdigest()

    def arrays(self, split: str) -> SplitArrays:
        """Reads a whole split into memory.

        Raises:
          KeyError: when there is no such split.
        """
        return read_split(
            self.files[split], self.attributes, self.resolution, self.max_captions, self.max_length
        )


def from_files(
    token_file: str,
    attribute_file: str,
    files_by_split: Mapping[str, Sequence[str]],
    *,
    resolution: int,
    max_captions: int,
    max_length: int,
) -> PreparedData:
    """Describes prepared examples that lie anywhere, such as the outputs of TFX Transform.

    Args:
      token_file, attribute_file: vocabularies, one entry per line.
      files_by_split: gzipped TFRecords, by paths whose last name may be a pattern.
      resolution, max_captions, max_length: as they were prepared.

    Raises:
      FileNotFoundError: when a pattern matches nothing.
    """
    files = {}
    for split, patterns in files_by_split.items():
        # Folders are no patterns: their names may hold any letter.
        found = (matching(*posixpath.split(pattern)) for pattern in patterns)
        files[split] = sorted(itertools.chain.from_iterable(found))
        if not files[split]:
            raise FileNotFoundError(f"no prepared examples of split {split!r} at {list(patterns)}")
    return PreparedData(
        files=files,
        tokens=text.Vocabulary.from_file(token_file),
        attributes=tuple(text.read_lines(attribute_file)),
        resolution=resolution,
        max_captions=max_captions,
        max_length=max_length,
    )


def load(directory: str) -> PreparedData:
    """Reads back what `prepare` left in `directory`.

    Raises:
      FileNotFoundError: when `prepare` did not finish there.
    """
    root = Path(directory)
    if not (root / _SETTINGS).is_file():
        raise FileNotFoundError(f"{root} holds no prepared data ({_SETTINGS} is missing)")
    remedy = f"Delete {root}; the data are then prepared again."
    settings = read_json(str(root / _SETTINGS), remedy, _FIELDS)
    files = {split: [str(root / f"{split}.tfrecord.gz")] for split in settings.pop("splits")}
    return from_files(str(root / _TOKENS), str(root / _ATTRIBUTES), files, **settings)


def prepare(
    examples_by_split: Mapping[str, Iterable[schema.CaptionedImage]],
    directory: str,
    *,
    resolution: int,
    max_captions: int,
    max_length: int,
    vocabulary_size: int,
    min_count: int,
    labels: str = LabelRules.labels,
    max_labels: int = LabelRules.max_labels,
    min_label_count: int = LabelRules.min_label_count,
    label_words: str = LabelRules.label_words,
) -> PreparedData:
    """Writes what TFX Transform would write, without TFX; keeps the shrunk pictures in memory.

    Args:
      examples_by_split: pictures by split; the vocabularies come from `train`.
      directory: made or replaced as a whole, and only when all is written.
      resolution: side of the pictures in pixels.
      max_captions, max_length: size of the ids of one picture.
      vocabulary_size: tokens at most, the most frequent first, special ones not counted.
      min_count: rarer tokens become UNK.
      labels, max_labels, min_label_count, label_words: where attributes come from, see
        `data.label_rules`.

    Raises:
      KeyError: when there is no train split.
      FileExistsError: when `directory` holds something else.
      ModuleNotFoundError: a tagger is missing.
    """
    root = Path(directory)
    if root.exists() and any(root.iterdir()) and not (root / _SETTINGS).is_file():
        raise FileExistsError(f"{root} exists and holds no prepared data: choose another directory")
    partial = root.with_name(root.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    shrunk = {split: _shrunk(rows, resolution) for split, rows in examples_by_split.items()}
    rules = LabelRules(labels, max_labels, min_label_count, label_words)
    labelled = mining.with_labels(shrunk, rules)
    vocabulary = _learn(labelled["train"], partial, vocabulary_size, min_count)
    for split, rows in labelled.items():
        _write_split(rows, partial / f"{split}.tfrecord.gz", vocabulary, max_captions, max_length)
    settings = {
        "splits": sorted(shrunk),
        "resolution": resolution,
        "max_captions": max_captions,
        "max_length": max_length,
    }
    (partial / _SETTINGS).write_text(json.dumps(settings), encoding="utf-8")
    shutil.rmtree(root, ignore_errors=True)
    partial.rename(root)
    return load(directory)


def _chunks(items: Iterable, size: int) -> Iterator[list]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def _shrunk(
    examples: Iterable[schema.CaptionedImage], resolution: int
) -> list[schema.CaptionedImage]:
    small = graph(lambda encoded: features.shrink(encoded, resolution))
    rows = []
    for chunk in _chunks(examples, _BATCH):
        pngs = small(tf.constant([one.encoded for one in chunk])).numpy()
        rows += [replace(one, encoded=png) for one, png in zip(chunk, pngs, strict=True)]
    return rows


def _learn(
    rows: Sequence[schema.CaptionedImage], directory: Path, size: int, min_count: int
) -> text.Vocabulary:
    """Writes both vocabularies into `directory`; returns that of the captions."""
    captions = [caption for row in rows for caption in row.captions]
    found = text.tokenise(tf.constant(captions, tf.string)).flat_values.numpy()
    tokens = text.most_frequent((token.decode("utf-8") for token in found), size, min_count)
    vocabulary = text.Vocabulary(tokens)
    vocabulary.write(str(directory / _TOKENS))
    names = text.most_frequent((name for row in rows for name in row.attributes), None, 1)
    text.Vocabulary(names).write(str(directory / _ATTRIBUTES))
    return vocabulary


def _write_split(
    rows: Sequence[schema.CaptionedImage],
    path: Path,
    vocabulary: text.Vocabulary,
    max_captions: int,
    max_length: int,
) -> None:
    table = vocabulary.table()
    options = tf.io.TFRecordOptions("GZIP", compression_level=1)
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for chunk in _chunks(rows, _BATCH):
            captions = tf.ragged.constant([list(row.captions) for row in chunk], dtype=tf.string)
            tokens = text.tokenise(captions.flat_values)
            ids = features.encode_captions(captions, tokens, table, max_captions, max_length)
            for row, row_ids in zip(chunk, ids.numpy(), strict=True):
                writer.write(_to_prepared(row, row_ids).SerializeToString())


def _to_prepared(row: schema.CaptionedImage, ids: np.ndarray) -> tf.train.Example:
    example = tf.train.Example()
    feature = example.features.feature
    feature[schema.IMAGE_ID].bytes_list.value.append(row.image_id.encode("utf-8"))
    feature[features.IMAGE].bytes_list.value.append(row.encoded)
    feature[features.CAPTION_IDS].int64_list.value.extend(ids)
    for key, values in (
        (schema.CAPTION_TEXT, row.captions),
        (schema.CAPTION_LANGUAGE, row.languages),
        (schema.ATTRIBUTE_NAME, row.attributes),
    ):
        feature[key].bytes_list.value.extend(value.encode("utf-8") for value in values)
    return example
