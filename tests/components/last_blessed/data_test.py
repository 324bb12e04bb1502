"""What runs say of their data, kept and found again without metadata."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.types import channel_utils, standard_artifacts

from components.artifacts import DataDecision
from components.last_blessed.component import LastBlessedData
from components.last_blessed.data_executor import Executor
from components.last_blessed.kept_data import keep, newest_but


def said(folder, number):
    """Writes statistics and a decision; returns their URIs."""
    for path in ("statistics/Split-train/FeatureStats.pb", "gate/profile.json"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(str(number))
    return str(folder / "statistics"), str(folder / "gate")


@pytest.fixture
def runs(tmp_path):
    return [said(tmp_path / f"run{number}", number) for number in range(3)]


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "last_data")


def read(folder, name="gate/profile.json"):
    return Path(folder, name).read_text()


def test_the_newest_data_are_found(runs, place, tmp_path):
    for run in runs[:2]:
        keep(place, *run)
    folder = newest_but(place, said(tmp_path / "new", 9)[0])
    assert read(folder) == "1"
    assert read(folder, "statistics/Split-train/FeatureStats.pb") == "1"


def test_data_are_not_compared_with_themselves_but_with_those_before(runs, place):
    for run in runs[:2]:
        keep(place, *run)
    assert read(newest_but(place, runs[1][0])) == "0"


def test_data_that_come_back_are_the_newest_again(runs, place):
    for number in (0, 1, 0):
        keep(place, *runs[number])
    assert read(newest_but(place, runs[2][0])) == "0"


def test_no_more_than_two_are_kept(runs, place):
    for run in runs:
        keep(place, *run)
    kept = [path for path in Path(place).iterdir() if path.is_dir()]
    assert sorted(map(read, kept)) == ["1", "2"]


def test_half_a_copy_is_not_found(runs, place, monkeypatch):
    keep(place, *runs[0])

    def lost(*_):
        raise OSError("the store is away")

    monkeypatch.setattr("components.last_blessed.kept_data.files.write_whole", lost)
    with pytest.raises(OSError, match="away"):
        keep(place, *runs[1])
    monkeypatch.undo()
    assert read(newest_but(place, runs[2][0])) == "0"
    keep(place, *runs[1])
    assert read(newest_but(place, runs[2][0])) == "1"


def test_a_store_will_do(runs):
    keep("ram://kept/last_data", *runs[0])
    folder = newest_but("ram://kept/last_data", runs[1][0])
    with tf.io.gfile.GFile(f"{folder}/gate/profile.json") as file:
        assert file.read() == "0"


def do(tmp_path, candidate, place):
    given = standard_artifacts.ExampleStatistics()
    given.uri = candidate
    made = {"statistics": standard_artifacts.ExampleStatistics(), "gate": DataDecision()}
    for key, artifact in made.items():
        artifact.uri = str(tmp_path / "found" / key)
    outputs = {key: [artifact] for key, artifact in made.items()}
    Executor().Do({"candidate": [given]}, outputs, {"place": place})
    return made


def test_what_was_found_becomes_artefacts(runs, place, tmp_path):
    keep(place, *runs[0])
    made = do(tmp_path, runs[1][0], place)
    assert made["statistics"].split_names == '["train"]'
    assert read(made["statistics"].uri, "Split-train/FeatureStats.pb") == "0"
    assert read(made["gate"].uri, "profile.json") == "0"


def test_nothing_kept_is_an_artefact_without_splits(runs, place, tmp_path):
    made = do(tmp_path, runs[1][0], place)
    assert made["statistics"].split_names == "[]"
    for artifact in made.values():
        assert [path.name for path in Path(artifact.uri).iterdir()] == ["found.json"]
        assert json.loads(read(artifact.uri, "found.json")) == {"data": ""}


def test_channels():
    node = LastBlessedData(
        channel_utils.as_channel([standard_artifacts.ExampleStatistics()]), "gs://b/last_data"
    )
    assert node.exec_properties["place"] == "gs://b/last_data"
    assert node.outputs["statistics"].type is standard_artifacts.ExampleStatistics
    assert node.outputs["gate"].type is DataDecision
