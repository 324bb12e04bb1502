"""Which earlier model each training starts from, and that a run does not start from itself."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline import settings as settings_file
from pipeline.stages import starts
from pipeline.work_dir import WorkDir
from trainer.settings_loader import SettingsError

DATA = ["fingerprint"]


def chosen(work, start_from, data=DATA, **more):
    text = json.dumps(start_from)
    sets = [f"start_from={text}", *(f"{key}={value}" for key, value in more.items())]
    return starts(settings_file.load("demo", assignments=sets), work, data)


@pytest.fixture
def other(tmp_path, pushed):
    """The work directory of another run."""
    shutil.copytree(pushed, tmp_path / "other" / "serving")
    return tmp_path / "other"


@pytest.fixture
def work(tmp_path):
    return WorkDir(tmp_path / "own")


def push(work, pushed, version):
    for stage in ("encoder", "captioner", "generator"):
        shutil.copytree(pushed / stage / "1", work.serving / stage / str(version))


def test_nothing_is_asked_for_by_default(work):
    assert chosen(work, None) == {}


def test_one_key_serves_all_stages(work, other):
    found = chosen(work, str(other))
    assert found == {
        stage: other / "serving" / stage / "1" for stage in ("encoder", "captioner", "generator")
    }


def test_stages_can_have_places_of_their_own(work, other, tmp_path):
    own = tmp_path / "training"
    own.mkdir()
    (own / "identity.json").write_text("{}")
    asked = {"all": str(other), "captioner": None, "generator": str(own)}
    assert chosen(work, asked) == {"encoder": other / "serving" / "encoder" / "1", "generator": own}


def test_a_wrong_stage_or_path_is_refused(work, tmp_path):
    with pytest.raises(SettingsError, match=r"start_from = 'encodr'.*encoder"):
        chosen(work, {"encodr": "x"})
    with pytest.raises(SettingsError, match=r"start_from: .*nowhere: no such directory.*'last'"):
        chosen(work, str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match=r"start_from: .*holds no encoder"):
        chosen(work, str(tmp_path))
    with pytest.raises(SettingsError, match="start_from"):
        chosen(work, 7)


def test_the_first_run_starts_from_nothing_and_later_ones_from_the_last_push(work, pushed):
    assert chosen(work, "last") == {}
    push(work, pushed, 10)
    assert chosen(work, "last")["encoder"] == work.serving / "encoder" / "10"


def test_a_run_that_is_started_again_does_not_start_from_what_it_pushed(work, pushed):
    push(work, pushed, 10)
    first = chosen(work, "last")
    push(work, pushed, 20)
    assert chosen(work, "last") == first
    assert chosen(work, "last", data=["other"])["encoder"].name == "20"
    changed = chosen(work, "last", **{"generator.width": 5})
    assert (changed["encoder"].name, changed["generator"].name) == ("10", "20")
    shutil.rmtree(work.serving / "encoder" / "10")
    assert chosen(work, "last")["encoder"].name == "20"


def test_a_copy_of_a_directory_starts_from_its_own_models(work, pushed, tmp_path):
    push(work, pushed, 10)
    assert chosen(work, "last")["encoder"] == work.serving / "encoder" / "10"
    copy = WorkDir(Path(shutil.copytree(work.root, tmp_path / "copy")))
    push(copy, pushed, 20)
    assert chosen(copy, "last")["encoder"] == copy.serving / "encoder" / "10"
