"""`tuwen train` and `tuwen run` read, reject and divide the same data."""

import json

import pytest
import tensorflow as tf
from PIL import Image
from tfx.types import standard_artifacts

from components.artifacts import RejectedRows
from components.caption_example_gen import executor
from data.base.errors import DataError
from data.schema import SPLITS, from_example
from pipeline import load_examples, settings


@pytest.fixture
def folder(tmp_path):
    """60 pictures, of which four are copies and four cannot be opened; two rows are no rows."""
    root = tmp_path / "own"
    root.mkdir()
    lines = ["no JSON", json.dumps({"captions": ["a row without a picture"]})]
    for number in range(60):
        name = f"{number}.png"
        captions = [f"a square of shade {number}", ""][: 1 + number % 2]
        lines.append(json.dumps({"image": name, "captions": captions}))
        if number % 15 == 7:
            (root / name).write_bytes(b"no picture")
        else:
            shade = number - 1 if number % 10 == 3 else number
            Image.new("RGB", (9, 9), (4 * shade, 0, 9)).save(root / name)
    (root / "captions.jsonl").write_text("\n".join(lines))
    return root


def _settings(folder, **ingest):
    assignments = ["source.max_reject_share=0.5"]
    assignments += [f"ingest.{name}={value}" for name, value in ingest.items()]
    return settings.load("demo", data=str(folder), assignments=assignments)


def _node(configured, root):
    """What CaptionExampleGen writes: its pictures by split."""
    examples, rejects = standard_artifacts.Examples(), RejectedRows()
    examples.uri, rejects.uri = str(root / "examples"), str(root / "rejects")
    context = executor.Executor.Context(beam_pipeline_args=list(configured.beam.arguments()))
    executor.Executor(context).Do(
        {},
        {"examples": [examples], "rejects": [rejects]},
        {
            "source": configured.source.path,
            "options": configured.ingest.to_json(),
            "max_reject_share": configured.source.max_reject_share,
            "input_fingerprint": "",
        },
    )
    splits = {}
    for split in SPLITS:
        files = sorted(map(str, (root / f"examples/Split-{split}").iterdir()))
        records = tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()
        splits[split] = [from_example(record) for record in records]
    return splits


@pytest.mark.parametrize(
    ("ingest", "pictures"), [({}, 52), ({"max_pictures": 30}, None), ({"min_split": 0}, 52)]
)
def test_both_ways_read_the_same_pictures(folder, tmp_path, ingest, pictures):
    configured = _settings(folder, **ingest)
    theirs = _node(configured, tmp_path)
    ours = load_examples.load_splits(configured, configured.open_source())
    assert ours == {split: examples for split, examples in theirs.items() if examples}
    count = sum(map(len, ours.values()))
    assert count == pictures or (pictures is None and 20 <= count < 30)


def test_pictures_are_read_while_the_context_is_open(folder, tmp_path):
    configured, place = _settings(folder), tmp_path / "examples"
    (place / "Split-train").mkdir(parents=True)
    (place / "Split-train/data_tfrecord-00000-of-00009.gz").write_bytes(b"left by a killed process")
    with load_examples.ingested(configured, configured.open_source(), str(place)) as stored:
        assert set(stored) == set(SPLITS)
        first, again = list(stored["train"]), list(stored["train"])
        assert first == again
        assert {picture.split for picture in first} == {"train"}
    assert not place.exists()


def test_too_many_rejects_leave_nothing(folder, tmp_path):
    configured = settings.load(
        "demo", data=str(folder), assignments=["source.max_reject_share=0.05"]
    )
    place = tmp_path / "examples"
    with (
        pytest.raises(DataError),
        load_examples.ingested(configured, configured.open_source(), str(place)),
    ):
        pass
    assert not place.exists()
