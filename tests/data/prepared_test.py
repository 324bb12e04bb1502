"""Prepared data: written without TFX, read as arrays."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data import prepared, schema
from data.base.errors import DataError
from data.text import END, START, UNK

SETTINGS = {
    "resolution": 8,
    "max_captions": 2,
    "max_length": 6,
    "vocabulary_size": 100,
    "min_count": 2,
}


def _picture(name, captions, attributes=(), split="train", *, shade=0, size=20):
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), (shade, 2 * shade, 255 - shade)).save(buffer, "PNG")
    return schema.CaptionedImage(
        image_id=name,
        encoded=buffer.getvalue(),
        height=size,
        width=size,
        channels=3,
        captions=tuple(captions),
        languages=("en",) * len(captions),
        attributes=tuple(attributes),
        split=split,
    )


@pytest.fixture
def examples():
    return {
        "train": [
            _picture("a", ["red cat", "A red dog", "third"], ["colour:red", "object:cat"], shade=9),
            _picture("猫", ["red cat"], ["colour:red"], shade=100),
        ],
        "test": [_picture("c", ["blue cat"], ["colour:blue", "object:cat"], "test")],
    }


def test_arrays_hold_what_was_prepared(tmp_path, examples):
    data = prepared.prepare(examples, str(tmp_path / "out"), **SETTINGS)
    assert data.tokens.tokens == ("red", "cat")
    assert data.attributes == ("colour:red", "object:cat")
    train = data.arrays("train")
    assert train.image_ids == ["a", "猫"]
    assert train.images.shape == (2, 8, 8, 3) and train.images.dtype == np.uint8
    assert (train.images[1] == [100, 200, 155]).all()
    assert train.ids.dtype == np.int32
    assert train.ids.tolist() == [
        [[START, 4, 5, END, 0, 0], [START, UNK, 4, UNK, END, 0]],
        [[START, 4, 5, END, 0, 0], [0] * 6],
    ]
    assert train.caption_count.tolist() == [2, 1]
    assert train.captions == [("red cat", "A red dog", "third"), ("red cat",)]
    assert train.languages == [("en",) * 3, ("en",)]
    assert train.labels.tolist() == [[1, 1], [1, 0]]
    assert data.arrays("test").labels.tolist() == [[0, 1]]


def test_load_gives_the_same_data(tmp_path, examples):
    written = prepared.prepare(examples, str(tmp_path / "out"), **SETTINGS)
    read = prepared.load(str(tmp_path / "out"))
    assert read.files == written.files
    assert read.fingerprint() == written.fingerprint()


def test_fingerprint_follows_the_contents(tmp_path, examples):
    first = prepared.prepare(examples, str(tmp_path / "one"), **SETTINGS)
    again = prepared.prepare(examples, str(tmp_path / "two"), **SETTINGS)
    assert first.fingerprint() == again.fingerprint()
    examples["test"][0] = _picture("c", ["blue cat"], ["object:cat"], "test")
    changed = prepared.prepare(examples, str(tmp_path / "two"), **SETTINGS)
    assert first.fingerprint() != changed.fingerprint()
    longer = prepared.prepare(examples, str(tmp_path / "two"), **{**SETTINGS, "max_length": 7})
    assert changed.fingerprint() != longer.fingerprint()


def test_the_order_of_features_within_an_example_does_not_count(tmp_path, examples):
    """TFX writes another one each time; the order of the examples is that of training."""
    data = prepared.prepare(examples, str(tmp_path / "out"), **SETTINGS)
    before, path = data.fingerprint(), data.files["train"][0]
    records = [bytes(one) for one in tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator()]

    def write(given):
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for record in given:
                writer.write(record)

    def backwards(record):
        features = tf.train.Example.FromString(record).features.feature
        named = [tf.train.Features(feature={key: features[key]}) for key in sorted(features)]
        # Messages that follow each other are one.
        return b"".join(tf.train.Example(features=one).SerializeToString() for one in named[::-1])

    write(map(backwards, records))
    assert data.fingerprint() == before
    write(records[::-1])
    assert data.fingerprint() != before


def test_a_damaged_file_has_no_fingerprint(tmp_path, examples):
    data = prepared.prepare(examples, str(tmp_path / "out"), **SETTINGS)
    path = Path(data.files["train"][0])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError) as caught:
        data.fingerprint()
    assert caught.value.where == str(path)


def test_failure_leaves_nothing_that_loads(tmp_path, examples):
    target = tmp_path / "out"
    examples["test"] = [schema.CaptionedImage("x", b"no", 1, 1, 1, ("a",), ("en",), (), "test")]
    with pytest.raises(tf.errors.InvalidArgumentError):
        prepared.prepare(examples, str(target), **SETTINGS)
    assert not target.exists()
    with pytest.raises(FileNotFoundError, match="holds no prepared data"):
        prepared.load(str(target))


def test_a_foreign_directory_is_not_replaced(tmp_path, examples):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="choose another directory"):
        prepared.prepare(examples, str(tmp_path), **SETTINGS)
    assert (tmp_path / "thesis.txt").exists()


def test_many_files_make_one_split(tmp_path, examples):
    """Folders are no patterns."""
    for name in ("one", "[t]wo*"):
        prepared.prepare(examples, str(tmp_path / name), **SETTINGS)
    data = prepared.from_files(
        str(tmp_path / "one/tokens"),
        str(tmp_path / "one/attributes"),
        {"train": [str(tmp_path / "one/tr*.gz"), str(tmp_path / "[t]wo*/train.tfrecord.gz")]},
        resolution=8,
        max_captions=2,
        max_length=6,
    )
    assert sorted(data.arrays("train").image_ids) == ["a", "a", "猫", "猫"]
    with pytest.raises(FileNotFoundError, match="split 'val'"):
        prepared.from_files(
            str(tmp_path / "one/tokens"),
            str(tmp_path / "one/attributes"),
            {"val": [str(tmp_path / "none-*")]},
            resolution=8,
            max_captions=2,
            max_length=6,
        )


def test_vocabulary_size_counts_learned_tokens(tmp_path, examples):
    settings = {**SETTINGS, "vocabulary_size": 3, "min_count": 1}
    data = prepared.prepare(examples, str(tmp_path / "out"), **settings)
    assert data.tokens.tokens == ("red", "cat", "third")


def test_labels_are_mined_where_no_training_picture_has_attributes(tmp_path, examples):
    rules = {"labels": "auto", "max_labels": 3, "min_label_count": 1}
    examples["train"] = [replace(row, attributes=()) for row in examples["train"]]
    data = prepared.prepare(examples, str(tmp_path / "out"), **SETTINGS, **rules)
    assert data.attributes == ("word:red", "word:cat", "word:dog")
    assert data.arrays("train").labels.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert data.arrays("test").labels.tolist() == [[0, 1, 0]]
    rare = {**rules, "min_label_count": 3}
    assert prepared.prepare(examples, str(tmp_path / "out"), **SETTINGS, **rare).attributes == ()


def test_captions_take_the_place_of_attributes_when_asked(tmp_path, examples):
    rules = {"labels": "captions", "min_label_count": 2}
    data = prepared.prepare(examples, str(tmp_path / "out"), **SETTINGS, **rules)
    assert data.attributes == ("word:red", "word:cat")
    assert data.arrays("train").labels.tolist() == [[1, 1], [1, 1]]


def test_given_attributes_are_all_there_is_when_asked(tmp_path, examples):
    data = prepared.prepare(examples, str(tmp_path / "out"), **SETTINGS, labels="given")
    assert data.attributes == ("colour:red", "object:cat")
    examples["train"] = [replace(row, attributes=()) for row in examples["train"]]
    bare = prepared.prepare(examples, str(tmp_path / "out"), **SETTINGS, labels="given")
    assert bare.attributes == ()
