"""The model before the current one comes back under a higher number."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from data.base.errors import DataError
from pipeline import cli
from pipeline.commands.rollback import RECORD, roll_back
from pipeline.errors import RunError
from pipeline.work_dir import WorkDir, newest_version

NOW = 5000.0


def push(work, *versions, model="generator"):
    for version in versions:
        path = work.serving / model / str(version)
        path.mkdir(parents=True)
        graph = saved_model_pb2.SavedModel()
        graph.meta_graphs.add().meta_info_def.tags.append(f"pushed as {version}")
        (path / "saved_model.pb").write_bytes(graph.SerializeToString())


def served(work, model="generator"):
    graph = (newest_version(work.serving / model) / "saved_model.pb").read_bytes()
    (found,) = saved_model_pb2.SavedModel.FromString(graph).meta_graphs
    return found.meta_info_def.tags[0]


@pytest.fixture
def work(tmp_path):
    return WorkDir(tmp_path)


def test_the_version_before_takes_over_under_a_higher_number(work):
    push(work, 10, 20)
    done = roll_back("generator", work, NOW)
    assert (done.version, done.restored, done.withdrawn) == (5000, 10, 20)
    assert served(work) == "pushed as 10"
    names = {path.name for path in (work.serving / "generator").iterdir()}
    assert names == {"10", "20", "5000"}
    record = json.loads((work.serving / "generator" / "5000" / RECORD).read_text())
    assert record["restored"] == 10 and record["withdrawn"] == 20
    assert record["made"] == "1970-01-01 01:23:20"


def test_another_rollback_goes_one_further_back(work):
    push(work, 10, 20, 30)
    roll_back("generator", work, NOW)
    assert served(work) == "pushed as 20"
    done = roll_back("generator", work, NOW)
    assert (done.version, done.withdrawn, done.withdrawn_push) == (5001, 5000, 20)
    assert served(work) == "pushed as 10"
    with pytest.raises(RunError, match="no generator before version 10"):
        roll_back("generator", work, NOW)


def test_after_a_rollback_and_a_new_push_it_goes_back_to_what_was_served_before(work):
    push(work, 10, 20)
    roll_back("generator", work, NOW)
    push(work, 6000)
    roll_back("generator", work, 7000.0)
    assert served(work) == "pushed as 10"


def test_a_clock_that_is_behind_does_not_hide_the_model(work):
    push(work, 10, 20_000)
    assert roll_back("generator", work, NOW).version == 20_001


def test_a_damaged_version_is_passed_over(work, tmp_path, capsys):
    push(work, 10, 20, 30)
    damaged = work.serving / "generator/20/saved_model.pb"
    damaged.write_bytes(damaged.read_bytes()[:-3])
    assert cli.main(["rollback", "generator", "--work", str(tmp_path)]) == 0
    assert served(work) == "pushed as 10"
    assert "passed over version 20: saved_model.pb is damaged" in capsys.readouterr().out


def test_the_same_model_pushed_twice_is_passed_over(work):
    push(work, 10, 20, 30)
    for version, content in ((10, b"a"), (20, b"b"), (30, b"b")):
        (work.serving / f"generator/{version}/fingerprint.pb").write_bytes(content)
    done = roll_back("generator", work, NOW)
    assert (served(work), done.restored) == ("pushed as 10", 10)
    assert done.passed_over == ("version 20: it is the model that is served",)


def test_where_every_earlier_version_is_damaged_nothing_changes(work):
    push(work, 10, 20)
    (work.serving / "generator/10/saved_model.pb").write_bytes(b"")
    with pytest.raises(RunError, match=r"version 10: saved_model\.pb holds no graph"):
        roll_back("generator", work, NOW)
    assert served(work) == "pushed as 20"


def test_without_an_earlier_version_nothing_changes(work):
    push(work, 10)
    with pytest.raises(RunError, match="no generator before version 10"):
        roll_back("generator", work, NOW)
    with pytest.raises(RunError, match="no captioner was pushed"):
        roll_back("captioner", work, NOW)
    assert [path.name for path in (work.serving / "generator").iterdir()] == ["10"]


def test_a_damaged_record_is_told_with_its_path(work):
    push(work, 10, 20, 30)
    roll_back("generator", work, NOW)
    path = work.serving / "generator/5000" / RECORD
    path.write_text('{"model": "generator"')
    with pytest.raises(DataError) as caught:
        roll_back("generator", work, NOW)
    assert caught.value.where == str(path)
    path.unlink()
    assert roll_back("generator", work, NOW).restored == 30


def cut_short(source, target, overwrite=False):
    Path(target).write_bytes(Path(source).read_bytes()[:3])


def test_a_copy_that_fails_leaves_nothing_behind(work, monkeypatch):
    push(work, 10, 20)
    monkeypatch.setattr(tf.io.gfile, "copy", cut_short)
    with pytest.raises(OSError, match="is not as in"):
        roll_back("generator", work, NOW)
    assert {path.name for path in (work.serving / "generator").iterdir()} == {"10", "20"}


def test_the_command_says_what_it_did(work, tmp_path, capsys):
    push(work, 10, 20)
    assert cli.main(["rollback", "generator", "--work", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "generator: version 10 is back as" in said
    assert "nothing to withdraw" in said
    assert cli.main(["rollback", "encoder", "--work", str(tmp_path)]) == 1
    assert "no encoder was pushed" in capsys.readouterr().err
