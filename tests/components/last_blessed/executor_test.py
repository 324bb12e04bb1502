"""Which pushed model is the one to stand up to."""

import json
from pathlib import Path

import pytest
from tfx.types import channel_utils, standard_artifacts

from components.last_blessed.component import LastBlessed
from components.last_blessed.executor import Executor, last_pushed


def saved_model(folder, number, whole=True):
    folder.mkdir(parents=True)
    (folder / "fingerprint.pb").write_text(f"export {number}")
    (folder / "variables").mkdir()
    (folder / "variables/data").write_text(str(number))
    if whole:
        (folder / "saved_model.pb").write_text("graph")
    return folder


@pytest.fixture
def pushed(tmp_path):
    """A folder of two versions, of which the one with more digits is the newer."""
    saved_model(tmp_path / "serving/99", 1)
    saved_model(tmp_path / "serving/100", 2)
    (tmp_path / "serving/notes").mkdir()
    return tmp_path / "serving"


@pytest.fixture
def run(tmp_path, pushed):
    """Returns a function: number of the candidate's export -> what `Do` made."""

    def do(number, folder=pushed):
        source, target = standard_artifacts.Model(), standard_artifacts.Model()
        source.uri, target.uri = str(tmp_path / "candidate"), str(tmp_path / "target")
        saved_model(tmp_path / "candidate/Format-Serving", number)
        Executor().Do({"candidate": [source]}, {"model": [target]}, {"pushed": str(folder)})
        return target

    return do


def found(target):
    return json.loads(Path(target.uri, "found.json").read_text())["model"]


def test_the_highest_version_is_copied_in_tfxs_layout(run, pushed):
    target = run(3)
    assert Path(target.uri, "Format-Serving/variables/data").read_text() == "2"
    assert found(target) == str(pushed / "100")
    assert target.get_string_custom_property("pushed_destination") == str(pushed / "100")


def test_the_candidate_itself_is_passed_over(run, pushed):
    assert found(run(2)) == str(pushed / "99")


def test_half_a_push_is_passed_over(run, pushed):
    saved_model(pushed / "101", 4, whole=False)
    assert found(run(3)) == str(pushed / "100")


def test_nothing_pushed_is_an_artefact_without_a_model(run, tmp_path):
    target = run(3, folder=tmp_path / "none")
    assert found(target) == ""
    assert [path.name for path in Path(target.uri).iterdir()] == ["found.json"]


def test_only_the_candidate_pushed_is_none(tmp_path):
    model = saved_model(tmp_path / "serving/1", 5)
    assert last_pushed(str(tmp_path / "serving"), str(model)) == ""


def test_channels():
    node = LastBlessed(channel_utils.as_channel([standard_artifacts.Model()]), "gs://b/serving")
    assert node.exec_properties["pushed"] == "gs://b/serving"
    assert node.outputs["model"].type is standard_artifacts.Model
