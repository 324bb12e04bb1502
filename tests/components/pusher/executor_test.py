"""What a push leaves in the served folder: a whole model under the highest number, or nothing."""

import json
import os
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.pusher import executor
from components.pusher.executor import Executor, already_pushed, publish

NOW = 5000.5


@pytest.fixture
def model(tmp_path):
    """A directory with the files of a SavedModel."""
    root = tmp_path / "model" / "Format-Serving"
    (root / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "fingerprint.pb", "variables/variables.index"):
        (root / name).write_bytes(os.urandom(20_000))
    return str(root)


@pytest.fixture
def base(tmp_path):
    return str(tmp_path / "serving")


def versions(base):
    return sorted(path.name for path in Path(base).iterdir())


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_the_published_model_is_the_model(model, base):
    assert publish(model, base, NOW) == 5000
    assert versions(base) == ["5000"]
    assert content(f"{base}/5000") == content(model)


@pytest.mark.parametrize("there", ["20000", "5000"])
def test_its_number_is_above_all_that_are_there(model, base, there):
    Path(base, there).mkdir(parents=True)
    assert publish(model, base, NOW) == int(there) + 1


def cut_short(source, target, overwrite=False):
    Path(target).write_bytes(Path(source).read_bytes()[:100])


@pytest.mark.parametrize("owner", ["gfile", "io_utils"])
def test_a_copy_that_was_cut_short_is_not_published(model, base, owner, monkeypatch):
    Path(base, "10").mkdir(parents=True)
    if owner == "gfile":
        monkeypatch.setattr(tf.io.gfile, "copy", cut_short)
    else:
        whole = executor.io_utils.copy_dir

        def copy_dir(source, target, **options):
            whole(source, target, **options)
            cut_short(f"{source}/fingerprint.pb", f"{target}/fingerprint.pb")

        monkeypatch.setattr(executor.io_utils, "copy_dir", copy_dir)
    with pytest.raises(OSError, match="is not as in"):
        publish(model, base, NOW)
    assert versions(base) == ["10"]


def test_what_a_killed_push_has_left_is_removed(model, base):
    Path(base, f"{executor.PARTIAL}17").mkdir(parents=True)
    publish(model, base, NOW)
    assert versions(base) == ["5000"]


def test_a_push_that_was_killed_after_its_model_was_published_is_known(model, base):
    assert already_pushed(model, base) is None
    publish(model, base, NOW)
    assert already_pushed(model, base) == 5000
    Path(base, "5000", "variables/variables.index").write_bytes(b"of another training")
    assert already_pushed(model, base) is None


def test_only_the_newest_version_counts_as_pushed_already(model, base):
    publish(model, base, NOW)
    Path(base, "6000").mkdir()
    assert already_pushed(model, base) is None


def test_a_model_without_a_fingerprint_is_pushed_again(model, base):
    Path(model, "fingerprint.pb").unlink()
    publish(model, base, NOW)
    assert already_pushed(model, base) is None


def test_in_a_store_the_file_that_tells_a_whole_model_comes_last(model, base, monkeypatch):
    """As on gs://, where a folder cannot be renamed."""
    monkeypatch.setattr(executor.files, "is_remote", lambda path: path == base)
    seen, copy = [], tf.io.gfile.copy

    def last(source, target, overwrite=False):
        seen.append(sorted(content(f"{base}/5000")))
        copy(source, target, overwrite)

    monkeypatch.setattr(tf.io.gfile, "copy", last)
    publish(model, base, NOW)
    assert seen[-1] == ["fingerprint.pb", "variables/variables.index"]
    assert content(f"{base}/5000") == content(model)
    monkeypatch.setattr(tf.io.gfile, "copy", cut_short)
    with pytest.raises(OSError, match="is not as in"):
        publish(model, base, NOW)
    assert versions(base) == ["5000"]


def push(model, base, tmp_path, blessed=1):
    """Runs the node; returns its artefact."""
    trained, blessing, pushed = (
        kind()
        for kind in (
            standard_artifacts.Model,
            standard_artifacts.ModelBlessing,
            standard_artifacts.PushedModel,
        )
    )
    trained.uri, pushed.uri = str(Path(model).parent), str(tmp_path / "pushed")
    blessing.set_int_custom_property("blessed", blessed)
    destination = json.dumps({"filesystem": {"base_directory": base}})
    Executor().Do(
        {"model": [trained], "model_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": destination},
    )
    return pushed


def test_the_node_says_what_it_pushed_and_pushes_it_once(model, base, tmp_path):
    for _ in range(2):
        pushed = push(model, base, tmp_path)
        (version,) = versions(base)
        assert pushed.get_int_custom_property("pushed") == 1
        assert pushed.get_string_custom_property("pushed_destination") == f"{base}/{version}"
        assert pushed.get_string_custom_property("pushed_version") == version
        assert content(pushed.uri) == content(f"{base}/{version}") == content(model)


def test_a_refused_model_is_not_pushed(model, base, tmp_path):
    assert push(model, base, tmp_path, blessed=0).get_int_custom_property("pushed") == 0
    assert not Path(base).exists()
