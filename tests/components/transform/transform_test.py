"""TFX Transform with our function and schema on real artefacts, against the way without TFX."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform as tft
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image
from tfx.components.transform import executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.transform import SCHEMA_FILE, preprocessing
from data import prepared, schema, text

SETTINGS = {
    "resolution": 8,
    "max_captions": 2,
    "max_length": 7,
    "vocabulary_size": 6,
    "min_count": 2,
}
CAPTIONS = (
    ("a red cat", "一只红色的猫。", "a third one"),
    ("A red dog!", "a far too long caption about a dog"),
    ("猫",),
)
ATTRIBUTES = (("colour:red", "object:cat"), ("colour:red",), ())


def _picture(number, split):
    noise = np.random.RandomState(number).randint(0, 256, (20, 30, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    captions = CAPTIONS[number % 3]
    return schema.CaptionedImage(
        image_id=f"{split}-{number}",
        encoded=buffer.getvalue(),
        height=20,
        width=30,
        channels=3,
        captions=captions,
        languages=("en",) * len(captions),
        attributes=ATTRIBUTES[number % 3],
        split=split,
    )


PICTURES = {
    "train": [_picture(number, "train") for number in range(9)],
    "val": [],
    "test": [_picture(number, "test") for number in range(20, 22)],
}


def _write_examples(root, splits):
    for split, pictures in splits.items():
        path = root / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for picture in pictures:
                writer.write(schema.to_example(picture).SerializeToString())


def _artifact(kind, root):
    made = kind()
    made.uri = str(root)
    return made


def _transform(root, splits, settings):
    """Returns `root`, with the directories `graph` and `examples` that TFX Transform leaves."""
    _write_examples(root / "raw", splits)
    (root / "schema").mkdir()
    shutil.copy(SCHEMA_FILE, root / "schema/schema.pbtxt")
    raw = _artifact(standard_artifacts.Examples, root / "raw")
    raw.split_names = artifact_utils.encode_split_names(list(schema.SPLITS))
    context = executor.Executor.Context(
        beam_pipeline_args=["--runner=FnApiRunner"], tmp_dir=str(root / "tmp"), unique_id="1"
    )
    executor.Executor(context).Do(
        {"examples": [raw], "schema": [_artifact(standard_artifacts.Schema, root / "schema")]},
        {
            "transform_graph": [_artifact(standard_artifacts.TransformGraph, root / "graph")],
            "transformed_examples": [_artifact(standard_artifacts.Examples, root / "examples")],
        },
        {
            "preprocessing_fn": "components.transform.preprocessing.preprocessing_fn",
            "custom_config": json.dumps(settings),
            "force_tf_compat_v1": 0,
            "disable_statistics": 1,
        },
    )
    return root


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    return _transform(tmp_path_factory.mktemp("transform"), PICTURES, SETTINGS)


def _prepared_by_tfx(root):
    assets = root / "graph/transform_fn/assets"
    return prepared.from_files(
        str(assets / preprocessing.TOKENS),
        str(assets / preprocessing.ATTRIBUTES),
        {split: [str(root / f"examples/Split-{split}/*")] for split in schema.SPLITS},
        **{key: SETTINGS[key] for key in ("resolution", "max_captions", "max_length")},
    )


def _by_id(arrays):
    order = np.argsort(arrays.image_ids)
    return [
        (
            arrays.image_ids[place],
            arrays.images[place].tolist(),
            arrays.ids[place].tolist(),
            arrays.captions[place],
            arrays.languages[place],
            arrays.labels[place].tolist(),
        )
        for place in order
    ]


def test_transform_and_prepare_agree(transformed, tmp_path):
    theirs = _prepared_by_tfx(transformed)
    ours = prepared.prepare(PICTURES, str(tmp_path / "ours"), **SETTINGS)
    assert theirs.tokens.tokens == ours.tokens.tokens
    assert len(ours.tokens.tokens) == 6
    assert theirs.attributes == ours.attributes == ("colour:red", "object:cat")
    for split in schema.SPLITS:
        assert _by_id(theirs.arrays(split)) == _by_id(ours.arrays(split))
    assert len(theirs.arrays("train")) == 9
    assert len(theirs.arrays("val")) == 0


WITHOUT_ATTRIBUTES = {
    split: [replace(picture, attributes=()) for picture in pictures]
    for split, pictures in PICTURES.items()
}


MINED = ("word:猫", "word:red", "word:红", "word:long")


@pytest.mark.parametrize(
    ("splits", "labels", "names"),
    [
        (WITHOUT_ATTRIBUTES, "auto", MINED),
        (PICTURES, "captions", MINED),
        (PICTURES, "given", ("colour:red", "object:cat")),
    ],
)
def test_both_ways_take_labels_from_the_same_place(tmp_path, splits, labels, names):
    settings = {**SETTINGS, "labels": labels, "max_labels": 4, "min_label_count": 3}
    theirs = _prepared_by_tfx(_transform(tmp_path, splits, settings))
    ours = prepared.prepare(splits, str(tmp_path / "ours"), **settings)
    assert theirs.attributes == ours.attributes == names
    for split in schema.SPLITS:
        assert _by_id(theirs.arrays(split)) == _by_id(ours.arrays(split))
    assert theirs.arrays("train").labels.any(0).all()


def test_ids_are_those_of_the_vocabulary_file(transformed):
    data = _prepared_by_tfx(transformed)
    arrays = data.arrays("test")
    for captions, ids in zip(arrays.captions, arrays.ids, strict=True):
        kept = tf.constant(captions[:2])
        expected = text.encode(kept, data.tokens.table(), SETTINGS["max_length"])
        assert ids[: len(kept)].tolist() == expected.numpy().tolist()


def test_transform_graph_serves_raw_examples(transformed):
    output = tft.TFTransformOutput(str(transformed / "graph"))
    raw = [schema.to_example(one).SerializeToString() for one in PICTURES["test"]]
    layer = output.transform_features_layer()
    served = layer(tf.io.parse_example(raw, output.raw_feature_spec()))
    arrays = _prepared_by_tfx(transformed).arrays("test")
    for name, ids in zip(served["image/id"].numpy(), served["caption/ids"].numpy(), strict=True):
        place = arrays.image_ids.index(name.decode())
        assert ids.tolist() == arrays.ids[place].ravel().tolist()


@pytest.mark.parametrize("form", ["dense", "ragged"])
def test_inferred_schemas_give_the_same_features(form, monkeypatch):
    vocabulary = text.Vocabulary(["cat", "red"])
    monkeypatch.setattr(preprocessing.tft, "vocabulary", lambda *_, **__: "file")
    monkeypatch.setattr(
        preprocessing.tft,
        "apply_vocabulary",
        lambda keys, file, default_value: vocabulary.table().lookup(keys) - len(text.SPECIAL),
    )
    captions = tf.constant([["a red cat"], ["dog"]])
    if form == "ragged":
        captions = tf.RaggedTensor.from_tensor(captions)
    inputs = {
        schema.IMAGE_ENCODED: tf.constant([[one.encoded] for one in PICTURES["test"]]),
        schema.IMAGE_ID: tf.constant(["x", "y"]),
        schema.CAPTION_TEXT: captions,
        schema.CAPTION_LANGUAGE: tf.constant(["en", "en"]),
    }
    made = preprocessing.preprocessing_fn(inputs, {**SETTINGS, "labels": "given"})
    assert made["caption/ids"].numpy()[:, :7].tolist() == [
        [2, 1, 5, 4, 3, 0, 0],
        [2, 1, 3, 0, 0, 0, 0],
    ]
    assert made["caption/language"].values.numpy().tolist() == [b"en", b"en"]
    assert made["attribute/name"].values.shape == (0,)
    assert made["image"].shape == (2,)


def test_schema_parses_to_the_contract():
    curated = io_utils.SchemaReader().read(SCHEMA_FILE)
    spec = tft.tf_metadata.schema_utils.schema_as_feature_spec(curated).feature_spec
    assert spec == schema.RAW_FEATURE_SPEC


def _anomalies(tmp_path, examples):
    """Returns a short description of each feature's anomaly."""
    path = str(tmp_path / "examples.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for example in examples:
            writer.write(example.SerializeToString())
    # Beam's default runner looks for a binary on the network first.
    options = PipelineOptions(["--runner=FnApiRunner"])
    statistics = tfdv.generate_statistics_from_tfrecord(path, pipeline_options=options)
    found = tfdv.validate_statistics(statistics, tfdv.load_schema_text(SCHEMA_FILE))
    return {name: info.short_description for name, info in found.anomaly_info.items()}


def _good():
    return [schema.to_example(one) for one in PICTURES["train"]]


def test_schema_accepts_good_examples(tmp_path):
    assert _anomalies(tmp_path, _good()) == {}


def _pop(key):
    return lambda feature: feature.pop(key)


def _set(key, number):
    return lambda feature: feature[key].int64_list.value.__setitem__(0, number)


def _clear(key):
    return lambda feature: feature[key].bytes_list.ClearField("value")


FAULTS = {
    "image/encoded": _pop("image/encoded"),
    "caption/text": _clear("caption/text"),
    "caption/language": _pop("caption/language"),
    "image/id": _pop("image/id"),
    "image/channels": _set("image/channels", 5),
    "image/width": _set("image/width", 0),
    "image/height": _pop("image/height"),
    "split": lambda feature: feature["split"].bytes_list.value.__setitem__(0, b"dev"),
}


def test_schema_finds_a_fault_of_one_picture(tmp_path):
    examples = _good()
    for fault in FAULTS.values():
        examples.append(schema.to_example(PICTURES["test"][0]))
        fault(examples[-1].features.feature)
    found = _anomalies(tmp_path, examples)
    assert set(found) == set(FAULTS), found


def test_schema_finds_columns_of_another_type(tmp_path):
    examples = _good()
    for example in examples:
        feature = example.features.feature
        feature["image/height"].bytes_list.value.append(b"20")
        feature["attribute/name"].int64_list.value.append(3)
    found = _anomalies(tmp_path, examples)
    assert set(found) == {"image/height", "attribute/name"}
