"""The node's channels, and its executor on small captioned folders."""

import json

import pytest
import tensorflow as tf
from PIL import Image
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.artifacts import RejectedRows
from components.caption_example_gen import component, executor
from components.caption_example_gen.options import IngestOptions
from data.base.errors import DataError
from data.schema import from_example
from data.sources import Policies


@pytest.fixture
def folder(tmp_path):
    """A captioned folder of nine pictures in train and val, below a span."""
    root = tmp_path / "data/span-3/v2"
    root.mkdir(parents=True)
    rows = []
    for number in range(9):
        Image.new("RGB", (9, 9), (20 * number, 0, 0)).save(root / f"{number}.png")
        split = "val" if number < 2 else "train"
        rows.append({"image": f"{number}.png", "captions": ["a square"], "split": split})
    (root / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return root


@pytest.fixture
def outputs(tmp_path):
    examples, rejects = standard_artifacts.Examples(), RejectedRows()
    examples.uri = str(tmp_path / "root/CaptionExampleGen/examples/7")
    rejects.uri = str(tmp_path / "root/CaptionExampleGen/rejects/7")
    return {"examples": [examples], "rejects": [rejects]}


def _do(source, outputs, *, max_reject_share=0.05, **properties):
    context = executor.Executor.Context(beam_pipeline_args=["--runner=FnApiRunner"])
    executor.Executor(context).Do(
        {},
        outputs,
        {
            "source": str(source),
            "options": IngestOptions().to_json(),
            "max_reject_share": max_reject_share,
            "input_fingerprint": "",
            **properties,
        },
    )


def _files(root):
    return sorted(str(one.relative_to(root)) for one in root.rglob("*") if one.is_file())


def test_channels_and_properties():
    node = component.CaptionExampleGen("somewhere", fingerprint="abc", span=3)
    assert node.outputs["examples"].type == standard_artifacts.Examples
    assert node.outputs["rejects"].type == RejectedRows
    assert node.inputs == {}
    assert node.exec_properties["input_fingerprint"] == "abc"
    assert node.exec_properties["span"] == 3
    assert json.loads(node.exec_properties["options"])["shares"] == [0.8, 0.1, 0.1]
    with pytest.raises(ValueError, match="max_reject_share is 5"):
        component.CaptionExampleGen("somewhere", max_reject_share=5)


def test_fingerprint_follows_the_data(folder):
    pattern = str(folder.parents[1] / "span-{SPAN}/v{VERSION}")
    before = component.fingerprint(pattern)
    assert before == component.fingerprint(pattern)
    Image.new("RGB", (9, 9), "blue").save(folder / "0.png")
    assert component.fingerprint(pattern) != before


def test_do_writes_an_artifact_that_tfx_can_read(folder, outputs, tmp_path):
    _do(folder.parents[1] / "span-{SPAN}/v{VERSION}", outputs)
    (examples,) = outputs["examples"]
    assert artifact_utils.decode_split_names(examples.split_names) == ["train", "val", "test"]
    assert examples_utils.get_payload_format(examples) == example_gen_pb2.FORMAT_TF_EXAMPLE
    assert examples_utils.get_file_format(examples) == "tfrecords_gzip"
    assert (examples.span, examples.version) == (3, 2)
    assert examples.get_int_custom_property("span") == 3
    fingerprint = component.fingerprint(str(folder))
    assert examples.get_string_custom_property("input_fingerprint") == fingerprint
    assert _files(tmp_path / "root") == [
        f"CaptionExampleGen/{name}"
        for name in (
            "examples/7/Split-test/data_tfrecord-00000-of-00001.gz",
            "examples/7/Split-train/data_tfrecord-00000-of-00001.gz",
            "examples/7/Split-val/data_tfrecord-00000-of-00001.gz",
            "rejects/7/rejects.jsonl",
            "rejects/7/summary.json",
        )
    ]
    shard = f"{examples.uri}/Split-val/data_tfrecord-00000-of-00001.gz"
    records = list(tf.data.TFRecordDataset(shard, "GZIP").as_numpy_iterator())
    assert sorted(from_example(one).image_id for one in records) == ["0.png", "1.png"]


def test_a_window_of_spans_is_one_data_set(folder, outputs):
    older = folder.parents[1] / "span-2/v7"
    older.mkdir(parents=True)
    Image.new("RGB", (9, 9), "white").save(older / "0.png")
    row = {"image": "0.png", "captions": ["a white square"], "split": "test", "note": "new"}
    (older / "captions.jsonl").write_text(json.dumps(row))
    pattern = folder.parents[1] / "span-{SPAN}/v{VERSION}"
    options = IngestOptions(policies=Policies(unknown_key="keep"))
    _do(pattern, outputs, window=2, options=options.to_json())
    with tf.io.gfile.GFile(f"{outputs['rejects'][0].uri}/summary.json") as file:
        summary = json.load(file)
    assert summary["pictures"] == {"train": 7, "val": 2, "test": 1}
    assert (summary["span"], summary["version"], summary["window"]) == (3, 2, [3, 2])
    assert summary["mended"] == {"language guessed": 10, "key ignored": 1}
    shard = f"{outputs['examples'][0].uri}/Split-test/data_tfrecord-00000-of-00001.gz"
    (record,) = tf.data.TFRecordDataset(shard, "GZIP").as_numpy_iterator()
    assert from_example(record).image_id == "span-2/0.png"


def test_rejects_and_summary_are_written(folder, outputs):
    (folder / "4.png").write_bytes(b"")
    _do(folder, outputs, max_reject_share=0.2)
    with tf.io.gfile.GFile(f"{outputs['rejects'][0].uri}/rejects.jsonl") as file:
        (reject,) = map(json.loads, file)
    assert (reject["where"], reject["reason"]) == ("captions.jsonl:5", "empty_file")
    with tf.io.gfile.GFile(f"{outputs['rejects'][0].uri}/summary.json") as file:
        summary = json.load(file)
    assert summary["pictures"] == {"train": 5, "val": 2, "test": 1}
    assert summary["rejects"] == {"empty_file": 1}
    assert summary["reject_share"] == pytest.approx(1 / 9)
    assert summary["captions"] == {"en": 8}


def _summary(outputs):
    with tf.io.gfile.GFile(f"{outputs['rejects'][0].uri}/summary.json") as file:
        return json.load(file)


def test_what_was_cut_and_what_became_of_the_files_is_told(folder, outputs):
    (folder / "gone").symlink_to("nowhere")
    (folder / "notes.odt").touch()
    _do(folder, outputs)
    summary = _summary(outputs)
    # 9 pictures in shares of 0.8, 0.1 and 0.1; two are named for val already.
    assert summary["pictures"] == {"train": 6, "val": 2, "test": 1}
    notes = {check: rows for check, _, _, rows in summary["notes"]}
    assert notes == {
        "cut_split": [],
        "broken_link": ["gone -> nowhere"],
        "unread_files": ["notes.odt"],
    }
    assert summary["files"] == {
        "read": 10,
        "rejected": 0,
        "broken link": 1,
        "other ending": 1,
    }
    assert [len(_records(outputs, split)) for split in ("train", "val", "test")] == [6, 2, 1]
    assert {one.split for one in _records(outputs, "test")} == {"test"}


def test_splits_stay_as_the_data_name_them_where_that_is_asked_for(folder, outputs):
    _do(folder, outputs, options=IngestOptions(min_split=0).to_json())
    assert _summary(outputs)["pictures"] == {"train": 7, "val": 2, "test": 0}
    assert _summary(outputs)["notes"] == []


def _records(outputs, split):
    shards = tf.io.gfile.glob(f"{outputs['examples'][0].uri}/Split-{split}/*")
    records = tf.data.TFRecordDataset(shards, "GZIP").as_numpy_iterator()
    return [from_example(one) for one in records]


def test_too_many_rejects_stop_before_any_example(folder, outputs, tmp_path):
    (folder / "4.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        _do(folder, outputs, max_reject_share=0.1)
    for part in (str(folder), "1 of 9 rows", "empty_file", "captions.jsonl:5", "Copy the file"):
        assert part in str(caught.value)
    kept = "CaptionExampleGen/stopped/7/rejects.jsonl"
    assert str(tmp_path / "root" / kept) in str(caught.value)
    assert json.loads((tmp_path / "root" / kept).read_text())["reason"] == "empty_file"
    assert not list((tmp_path / "root").glob("CaptionExampleGen/examples/7/Split-*"))
    assert not (tmp_path / "root/CaptionExampleGen/rejects").exists()


def test_a_source_that_cannot_be_read_says_so(tmp_path, outputs):
    path = tmp_path / "captions.json"
    path.write_text('{"info": [], "annotations": 5}')
    with pytest.raises(DataError, match=r"captions\.json: a JSON file of captions is"):
        _do(path, outputs)
    with pytest.raises(DataError, match="no such file or folder"):
        _do(tmp_path / "nowhere", outputs)
