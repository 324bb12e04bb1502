"""Training captions that a run left."""

from __future__ import annotations

from types import SimpleNamespace

import tensorflow as tf

from pipeline.demo_ui import models


def write(root, execution, *rows):
    directory = root / "Transform" / "transformed_examples" / str(execution) / "Split-train"
    directory.mkdir(parents=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(directory / "part.gz"), options) as writer:
        for captions in rows:
            values = tf.train.BytesList(value=[caption.encode() for caption in captions])
            feature = {"caption/text": tf.train.Feature(bytes_list=values)}
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())


def test_the_newest_captions_are_read_once_each(tmp_path):
    write(tmp_path, 9, ["old"])
    write(tmp_path, 10, ["a dog", "一只狗"], [], ["a cat", "a dog"])
    assert models.read_captions(tmp_path) == ["a dog", "一只狗", "a cat"]
    assert models.read_captions(tmp_path, limit=1) == ["a dog"]


def test_a_run_without_data_has_none(tmp_path):
    assert models.read_captions(tmp_path) == []


def test_the_nearest_come_first():
    codes = {b"east": [1.0, 0.0], b"north": [0.0, 1.0], b"north-east": [0.6, 0.8]}

    def embed(text):
        return {"embedding": tf.constant([codes[one] for one in text.numpy()])}

    encoder = SimpleNamespace(signatures={"embed_text": embed})
    captions = models.Captions(encoder, ["east", "north", "north-east"])
    found = captions.nearest(tf.constant([0.0, 1.0]).numpy(), 2)
    assert [text for text, _ in found] == ["north", "north-east"]
    assert abs(found[1][1] - 0.8) < 1e-6
    assert models.Captions(encoder, []).nearest([1.0], 2) == []
