"""Versions come and go without a gap, whatever a model does."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.server import servables as manager_module
from pipeline.server.config import ModelConfig
from pipeline.server.errors import ServingError
from pipeline.server.servables import Manager

BROKEN, DEADLINE_SECONDS = b"broken", 10


@pytest.fixture
def events(monkeypatch):
    """What happened to servables, in order; a SavedModel of the bytes `BROKEN` does not load."""
    happened = []

    class Fake:
        def __init__(self, name, version, directory):
            if (directory / "saved_model.pb").read_bytes() == BROKEN:
                happened.append(f"fail {version}")
                raise OSError("half a model")
            self.name, self.version, self.users = name, version, 0
            happened.append(f"load {version}")

        def close(self):
            happened.append(f"close {self.version}")

    monkeypatch.setattr(manager_module, "Servable", Fake)
    return happened


@pytest.fixture
def push(tmp_path):
    """A function that writes a version of the model."""

    def write(version, content=b"model"):
        directory = tmp_path / str(version)
        directory.mkdir(exist_ok=True)
        (directory / "saved_model.pb").write_bytes(content)

    return write


@pytest.fixture
def manager(tmp_path, events, push):
    """A manager of one model, with its version 1 loaded."""
    push(1)
    made = Manager([ModelConfig("m", tmp_path, labels={"stable": 1, "next": 5})])
    made.update()
    return made


def state(manager, version):
    return manager.statuses("m")[version].state


def test_a_new_version_is_loaded_before_the_old_one_is_let_go(manager, events, push):
    push(10)
    manager.update()
    assert events == ["load 1", "load 10"]
    assert (state(manager, 1), state(manager, 10)) == ("END", "AVAILABLE")
    with manager.lend("m") as servable:
        assert servable.version == 10


def test_of_several_versions_the_newest_answers_unless_one_is_named(events, push, tmp_path):
    push(9)
    push(10)
    manager = Manager([ModelConfig("m", tmp_path, newest=2)])
    manager.update()
    for asked, answers in ((None, 10), (9, 9)):
        with manager.lend("m", asked) as servable:
            assert servable.version == answers


def test_an_old_version_is_let_go_after_its_last_request(manager, events, push):
    push(2)
    with manager.lend("m") as servable:
        update = threading.Thread(target=manager.update)
        update.start()
        end = time.monotonic() + DEADLINE_SECONDS
        while state(manager, 1) != "UNLOADING":
            assert time.monotonic() < end
            time.sleep(0.01)
        with manager.lend("m") as newer:
            assert (servable.version, newer.version) == (1, 2)
        update.join(0.05)
        assert update.is_alive() and state(manager, 1) == "UNLOADING"
    update.join(10)
    assert state(manager, 1) == "END"


def test_the_version_before_answers_at_once_when_its_files_come_back(manager, events, push):
    push(2, b"worse")
    manager.update()
    push(3)
    manager.update()
    with manager.lend("m") as servable:
        assert servable.version == 3
    assert (state(manager, 2), state(manager, 3)) == ("END", "AVAILABLE")
    push(4, b"worse")
    manager.update()
    assert events == ["load 1", "load 2"]
    manager.close()
    assert sorted(events[2:]) == ["close 3", "close 4"]


def test_no_more_than_one_old_version_stays_in_memory(manager, events, push):
    push(2, b"other")
    manager.update()
    push(3, b"another")
    manager.update()
    assert events == ["load 1", "load 2", "close 1", "load 3"]
    manager.configure([])
    assert sorted(events[4:]) == ["close 2", "close 3"]


def test_a_version_that_does_not_load_changes_nothing_until_its_files_do(manager, events, push):
    push(2, BROKEN)
    for _ in range(3):
        manager.update()
    assert events == ["load 1", "fail 2"]
    assert manager.statuses("m")[2].error == "OSError: half a model"
    with manager.lend("m") as servable:
        assert servable.version == 1
    push(2)
    manager.update()
    assert events == ["load 1", "fail 2", "load 2"]


def test_where_the_newest_does_not_load_at_the_start_an_older_one_is_served(events, push, tmp_path):
    for version, content in ((1, b"older"), (2, b"model"), (3, BROKEN), (4, BROKEN)):
        push(version, content)
    manager = Manager([ModelConfig("m", tmp_path)])
    for _ in range(2):
        manager.update()
    assert events == ["fail 4", "fail 3", "load 2"]
    states = {version: manager.statuses("m")[version] for version in (2, 3, 4)}
    assert [status.state for status in states.values()] == ["AVAILABLE", "END", "END"]
    assert [bool(status.error) for status in states.values()] == [False, True, True]
    push(4, b"whole")
    manager.update()
    assert events[3:] == ["load 4"] and state(manager, 2) == "END"


def test_of_several_versions_older_ones_take_the_place_of_broken_ones(events, push, tmp_path):
    for version, content in ((1, b"a"), (2, b"b"), (3, BROKEN), (4, b"c")):
        push(version, content)
    manager = Manager([ModelConfig("m", tmp_path, newest=2)])
    manager.update()
    assert events == ["load 4", "fail 3", "load 2"]


def test_versions_that_are_named_have_no_stand_in(events, push, tmp_path):
    for version, content in ((1, b"a"), (2, BROKEN), (3, b"c")):
        push(version, content)
    manager = Manager([ModelConfig("m", tmp_path, versions=(2, 3))])
    manager.update()
    assert events == ["load 3", "fail 2"]


def test_the_version_in_memory_stays_when_the_only_one_on_the_disk_is_broken(
    manager, events, push, tmp_path
):
    push(2, BROKEN)
    (tmp_path / "1" / "saved_model.pb").unlink()
    manager.update()
    assert events == ["load 1", "fail 2"]
    with manager.lend("m") as servable:
        assert servable.version == 1


def test_a_loaded_version_stays_until_as_many_as_wanted_are_loaded(events, push, tmp_path):
    push(1, b"a")
    push(2, b"b")
    manager = Manager([ModelConfig("m", tmp_path, newest=2)])
    manager.update()
    push(3, BROKEN)
    (tmp_path / "1" / "saved_model.pb").unlink()
    manager.update()
    assert events == ["load 2", "load 1", "fail 3"]
    assert (state(manager, 1), state(manager, 2)) == ("AVAILABLE", "AVAILABLE")


def test_a_directory_that_is_no_version_is_left_alone(manager, events, tmp_path):
    for name in ("3", "temp", "4.partial"):
        (tmp_path / name).mkdir()
    manager.update()
    assert events == ["load 1"]


def test_labels_lead_to_versions(manager):
    with manager.lend("m", label="stable") as servable:
        assert servable.version == 1
    for label, said in (("next", "Specific(m, 5)"), ("other", "label: other")):
        with pytest.raises(ServingError, match=said.replace("(", r"\(").replace(")", r"\)")):
            manager.lend("m", label=label).__enter__()
    with pytest.raises(ServingError, match="Both model version"):
        manager.lend("m", 1, "stable").__enter__()
    assert list(manager.statuses("m", label="stable")) == [1]


def test_a_model_that_is_no_longer_configured_is_let_go(manager, events):
    manager.configure([])
    assert events == ["load 1", "close 1"]
    with pytest.raises(ServingError, match="Servable not found"):
        manager.lend("m").__enter__()


def test_closing_lets_all_go(manager, events):
    manager.close()
    assert events == ["load 1", "close 1"]
