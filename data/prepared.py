"""Prepared examples, which the models read: written by TFX Transform or by `prepare`.

A prepared example has the picture as a lossless PNG at the model's resolution, its captions as text
and as ids, and its attributes. Transform and `prepare` compute these features with the same
functions. The vocabularies are learned from the train split only.
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

from data import images, mining, schema, text
from data.base.files import matching, read_json
from data.base.graphs import graph
from data.base.tfrecords import naming_damaged
from data.label_rules import LabelRules

CAPTION_IDS = "caption/ids"
IMAGE = "image"

_SETTINGS = "prepared.json"
_FIELDS = ("splits", "resolution", "max_captions", "max_length")
_TOKENS = "tokens"
_ATTRIBUTES = "attributes"
_BATCH = 128


def feature_spec(max_captions: int, max_length: int) -> dict[str, object]:
    """Returns the parsing spec of one prepared example."""
    return {
        schema.IMAGE_ID: tf.io.FixedLenFeature([], tf.string),
        IMAGE: tf.io.FixedLenFeature([], tf.string),
        schema.CAPTION_TEXT: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
        schema.CAPTION_LANGUAGE: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
        CAPTION_IDS: tf.io.FixedLenFeature([max_captions * max_length], tf.int64),
        schema.ATTRIBUTE_NAME: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
    }


def encode_captions(
    captions: tf.RaggedTensor,
    tokens: tf.RaggedTensor,
    table: text.Lookup,
    max_captions: int,
    max_length: int,
) -> tf.Tensor:
    """Encodes the captions of N pictures.

    Args:
      captions: string[N, (captions)].
      tokens: string[M, (tokens)], `text.tokenise` of the flat captions.
      table: maps tokens to ids.
      max_captions: captions per picture; further ones are dropped, missing ones are PAD.
      max_length: ids per caption, see `text.encode`.

    Returns:
      int64[N, max_captions * max_length].
    """
    ids = captions.with_flat_values(text.encode_tokens(tokens, table, max_length))
    padded = ids.to_tensor(text.PAD, shape=[None, max_captions, max_length])
    return tf.cast(tf.reshape(padded, [-1, max_captions * max_length]), tf.int64)


def shrink(encoded: tf.Tensor, resolution: int) -> tf.Tensor:
    """Resizes encoded pictures, string[N], to PNGs, string[N], at `resolution`."""
    return images.encode_png_batch(images.preprocess_batch(encoded, resolution))


@dataclass(frozen=True)
class SplitArrays:
    """One split in memory, in the order of its files.

    Attributes:
      image_ids: N names.
      images: uint8[N, R, R, 3].
      ids: int32[N, C, L]; rows of PAD where a picture has fewer than C captions.
      caption_count: int32[N], the number of captions in `ids`.
      captions: all captions of each picture, including those beyond C.
      languages: a BCP-47 tag for each of `captions`.
      labels: float32[N, A], 1 where the picture has the attribute.
    """

    image_ids: list[str]
    images: np.ndarray
    ids: np.ndarray
    caption_count: np.ndarray
    captions: list[tuple[str, ...]]
    languages: list[tuple[str, ...]]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.image_ids)


def read_split(
    files: Sequence[str],
    attributes: Sequence[str],
    resolution: int,
    max_captions: int,
    max_length: int,
) -> SplitArrays:
    """Reads gzipped TFRecords of prepared examples; `attributes` names the columns of `labels`.

    Raises:
      DataError: a file is damaged.
    """
    with naming_damaged(files):
        batches = list(_batches(files, resolution, max_captions, max_length))
    count = sum(len(batch[schema.IMAGE_ID]) for batch in batches)
    captions = _lists(batches, schema.CAPTION_TEXT)
    return SplitArrays(
        image_ids=[
            name.decode("utf-8") for batch in batches for name in batch[schema.IMAGE_ID].numpy()
        ],
        images=_join(batches, IMAGE, np.uint8, (count, resolution, resolution, 3)),
        ids=_join(batches, CAPTION_IDS, np.int32, (count, max_captions, max_length)),
        caption_count=np.array([min(len(one), max_captions) for one in captions], np.int32),
        captions=captions,
        languages=_lists(batches, schema.CAPTION_LANGUAGE),
        labels=_multi_hot(_lists(batches, schema.ATTRIBUTE_NAME), attributes),
    )


def _batches(
    files: Sequence[str], resolution: int, max_captions: int, max_length: int
) -> tf.data.Dataset:
    spec = feature_spec(max_captions, max_length)

    @tf.autograph.experimental.do_not_convert
    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        batch = tf.io.parse_example(serialized, spec)
        batch[IMAGE] = images.preprocess_batch(batch[IMAGE], resolution)
        return batch

    records = tf.data.TFRecordDataset(files, "GZIP", num_parallel_reads=tf.data.AUTOTUNE)
    return records.batch(_BATCH).map(parse, num_parallel_calls=tf.data.AUTOTUNE).prefetch(4)


def _lists(batches: Sequence[Mapping], key: str) -> list[tuple[str, ...]]:
    rows = (row for batch in batches for row in batch[key].to_list())
    return [tuple(value.decode("utf-8") for value in row) for row in rows]


def _join(batches: Sequence[Mapping], key: str, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    parts = [batch[key].numpy() for batch in batches]
    if not parts:
        return np.zeros(shape, dtype)
    return np.concatenate(parts).astype(dtype, copy=False).reshape(shape)


def _multi_hot(rows: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    column = {name: index for index, name in enumerate(names)}
    labels = np.zeros((len(rows), len(names)), np.float32)
    for row, present in zip(labels, rows, strict=True):
        row[[column[name] for name in present if name in column]] = 1.0
    return labels


@dataclass(frozen=True)
class PreparedData:
    """The files of the prepared examples, and their vocabularies and sizes.

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
        """Returns a hex digest of the settings, the vocabularies and the examples in order.

        It does not depend on the files' bytes: TFX writes features in a different order each time.

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
    """Returns prepared data from given files, such as the outputs of TFX Transform.

    Args:
      token_file, attribute_file: vocabularies, one entry per line.
      files_by_split: paths of gzipped TFRecords; the last name of a path may be a pattern.
      resolution, max_captions, max_length: with which they were prepared.

    Raises:
      FileNotFoundError: when a pattern matches nothing.
    """
    files = {}
    for split, patterns in files_by_split.items():
        # Only the last name is a pattern: names of folders may contain any character.
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
    """Reads the output of `prepare` in `directory`.

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
    """Writes the same prepared examples as TFX Transform, without TFX.

    Args:
      examples_by_split: pictures by split; the vocabularies come from `train`. The resized
        pictures are kept in memory.
      directory: created or replaced as a whole, after everything is written.
      resolution: side of the pictures in pixels.
      max_captions, max_length: shape of the ids of one picture.
      vocabulary_size: maximum number of tokens, most frequent first, without special tokens.
      min_count: rarer tokens become UNK.
      labels, max_labels, min_label_count, label_words: the source of attributes, see
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
    small = graph(lambda encoded: shrink(encoded, resolution))
    rows = []
    for chunk in _chunks(examples, _BATCH):
        pngs = small(tf.constant([one.encoded for one in chunk])).numpy()
        rows += [replace(one, encoded=png) for one, png in zip(chunk, pngs, strict=True)]
    return rows


def _learn(
    rows: Sequence[schema.CaptionedImage], directory: Path, size: int, min_count: int
) -> text.Vocabulary:
    """Writes both vocabularies to `directory`; returns the caption vocabulary."""
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
            ids = encode_captions(captions, tokens, table, max_captions, max_length)
            for row, row_ids in zip(chunk, ids.numpy(), strict=True):
                writer.write(_to_prepared(row, row_ids).SerializeToString())


def _to_prepared(row: schema.CaptionedImage, ids: np.ndarray) -> tf.train.Example:
    example = tf.train.Example()
    feature = example.features.feature
    feature[schema.IMAGE_ID].bytes_list.value.append(row.image_id.encode("utf-8"))
    feature[IMAGE].bytes_list.value.append(row.encoded)
    feature[CAPTION_IDS].int64_list.value.extend(ids)
    for key, values in (
        (schema.CAPTION_TEXT, row.captions),
        (schema.CAPTION_LANGUAGE, row.languages),
        (schema.ATTRIBUTE_NAME, row.attributes),
    ):
        feature[key].bytes_list.value.extend(value.encode("utf-8") for value in values)
    return example
