"""The gate's channels, and its executor behind the real StatisticsGen and ExampleValidator."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tfx.components.example_validator import executor as validator
from tfx.components.statistics_gen import executor as statistics_gen
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.artifacts import DataDecision, RejectedRows
from components.data_gate import component, executor
from components.data_gate.validation import statistics_options
from components.transform import SCHEMA_FILE
from data.base.errors import DataError
from data.checking.findings import CheckLimits
from data.schema import SPLITS, CaptionedImage, to_example


def _example(split, number):
    buffer = io.BytesIO()
    noise = np.random.RandomState(100 * SPLITS.index(split) + number).randint(0, 256, (9, 9, 3))
    Image.fromarray(noise.astype(np.uint8)).save(buffer, "PNG")
    name = f"{split}-{number}"
    return to_example(
        CaptionedImage(name, buffer.getvalue(), 9, 9, 3, (f"a {name}",), ("en",), (), split)
    )


def _artifact(kind, path):
    made = kind()
    made.uri = str(path)
    return made


def _inputs(root, splits, rejects):
    """Writes examples and all that is made of them; returns the gate's inputs."""
    examples = _artifact(standard_artifacts.Examples, root / "examples")
    examples.split_names = artifact_utils.encode_split_names(list(splits))
    for split, rows in splits.items():
        _write(root / "examples", split, rows)
    statistics = _artifact(standard_artifacts.ExampleStatistics, root / "statistics")
    context = statistics_gen.Executor.Context(beam_pipeline_args=["--runner=FnApiRunner"])
    statistics_gen.Executor(context).Do(
        {"examples": [examples]},
        {"statistics": [statistics]},
        {"stats_options_json": statistics_options().to_json()},
    )
    schema = _artifact(standard_artifacts.Schema, root / "schema")
    (root / "schema").mkdir()
    shutil.copy(SCHEMA_FILE, schema.uri)
    found = _artifact(standard_artifacts.ExampleAnomalies, root / "anomalies")
    validator.Executor().Do(
        {"statistics": [statistics], "schema": [schema]}, {"anomalies": [found]}, {}
    )
    (root / "rejects").mkdir()
    (root / "rejects/summary.json").write_text(json.dumps(rejects))
    return {
        "examples": [examples],
        "statistics": [statistics],
        "anomalies": [found],
        "rejects": [_artifact(RejectedRows, root / "rejects")],
        "schema": [schema],
    }


def _write(folder, split, rows):
    path = folder / f"Split-{split}" / "data-00000-of-00001.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row in rows:
            writer.write(row.SerializeToString())


def _sound():
    return {split: [_example(split, n) for n in range(9)] for split in SPLITS}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    rejects = {"rejects": {"missing_file": 1}, "reject_share": 1 / 28}
    return _inputs(tmp_path_factory.mktemp("sound"), _sound(), rejects)


def _do(inputs, root):
    gate = _artifact(DataDecision, root / "DataGate/gate/5")
    executor.Executor().Do(inputs, {"gate": [gate]}, {"limits": CheckLimits().to_json()})
    return json.loads(Path(gate.uri, "decision.json").read_text())


def test_channels():
    channels = {
        "examples": standard_artifacts.Examples,
        "statistics": standard_artifacts.ExampleStatistics,
        "anomalies": standard_artifacts.ExampleAnomalies,
        "rejects": RejectedRows,
    }
    node = component.DataGate(
        **{name: channel_utils.as_channel([kind()]) for name, kind in channels.items()},
        limits=CheckLimits(min_pictures=3),
    )
    assert node.outputs["gate"].type == DataDecision
    assert json.loads(node.exec_properties["limits"])["min_pictures"] == 3
    assert {name: channel.type for name, channel in node.inputs.items()} == channels


def test_sound_data_pass_with_figures(sound, tmp_path):
    decision = _do(sound, tmp_path)
    assert decision["verdict"] == "pass"
    assert [one["check"] for one in decision["findings"]] == ["rejects"]
    assert decision["figures"]["pictures"] == {"train": 9, "val": 9, "test": 9}
    assert decision["figures"]["distinct_captions"] == 27
    assert not (tmp_path / "DataGate/stopped").exists()


def test_what_ingestion_found_is_told_again(sound, tmp_path):
    note = ["cut_split", "test was cut", "Nothing is to be done.", ["a.png"]]
    told = tmp_path / "told"
    told.mkdir()
    summary = {"rejects": {}, "reject_share": 0.0, "notes": [note]}
    (told / "summary.json").write_text(json.dumps(summary))
    decision = _do({**sound, "rejects": [_artifact(RejectedRows, told)]}, tmp_path)
    (finding,) = decision["findings"]
    assert [finding[key] for key in ("check", "what", "remedy", "rows")] == note
    assert not finding["stops"]


def test_bad_data_stop_with_every_reason(tmp_path):
    splits = {**_sound(), "val": []}
    splits["test"][0].features.feature["image/channels"].int64_list.value[0] = 9
    splits["train"][0].features.feature.pop("caption/text")
    inputs = _inputs(tmp_path / "bad", splits, {"rejects": {}, "reject_share": 0.0})
    with pytest.raises(DataError) as caught:
        _do(inputs, tmp_path)
    for part in ("image/channels of test", "caption/text of train", "val has 0 pictures", "Add"):
        assert part in str(caught.value)
    kept = tmp_path / "DataGate/stopped/5/decision.json"
    assert str(kept) in str(caught.value)
    assert json.loads(kept.read_text())["verdict"] == "stop"


def test_statistics_of_other_examples_are_noticed(sound, tmp_path):
    other = _artifact(standard_artifacts.Examples, tmp_path / "other")
    other.split_names = sound["examples"][0].split_names
    for split, rows in {**_sound(), "val": [_example("val", n) for n in range(8)]}.items():
        _write(tmp_path / "other", split, rows)
    with pytest.raises(DataError, match="describe 9 pictures of val, which has 8"):
        _do({**sound, "examples": [other]}, tmp_path)


def test_what_has_changed_since_the_last_blessed_run_is_told(sound, tmp_path):
    _do(sound, tmp_path / "first")
    last = _artifact(DataDecision, tmp_path / "first/DataGate/gate/5")
    before = {**sound, "last_statistics": sound["statistics"], "last_gate": [last]}
    same = [one["check"] for one in _do(before, tmp_path / "same")["findings"]]
    assert same == ["rejects"]
    path = Path(last.uri, "profile.json")
    profile = json.loads(path.read_text())
    profile["words"] = {"a": 1}
    profile["pictures"]["train"] = 400
    path.write_text(json.dumps(profile))
    found = {one["check"]: one for one in _do(before, tmp_path / "other")["findings"]}
    assert set(found) == {"rejects", "changes", "new_words"}
    assert "train 400 to 9 pictures" in found["changes"]["what"]
    assert not found["new_words"]["stops"]


def test_an_artefact_without_splits_is_no_last_data(sound, tmp_path):
    empty = _artifact(standard_artifacts.ExampleStatistics, tmp_path / "none")
    gate = _artifact(DataDecision, tmp_path / "no_gate")
    decision = _do({**sound, "last_statistics": [empty], "last_gate": [gate]}, tmp_path)
    assert [one["check"] for one in decision["findings"]] == ["rejects"]


def test_skew_between_splits_is_told(tmp_path):
    splits = {split: [_example(split, n) for n in range(100)] for split in SPLITS}
    for one in splits["test"][:50]:
        one.features.feature["caption/language"].bytes_list.value[0] = b"de"
    splits["train"][0].features.feature["caption/language"].bytes_list.value[0] = b"de"
    inputs = _inputs(tmp_path / "skewed", splits, {"rejects": {}, "reject_share": 0.0})
    found = [one for one in _do(inputs, tmp_path)["findings"] if one["check"] == "skew"]
    assert ["caption/language between train and test" in one["what"] for one in found] == [True]
