"""Temporary files of a run end with it, and those of a killed one with the next."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline.processes import temporary_files
from pipeline.work_dir import WorkDir


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("TMPDIR", "/before")
    return place


def left(temporary):
    return [path for path in temporary.rglob("*") if not path.name.startswith("tuwen-")]


def test_what_a_run_and_its_children_leave_is_removed(temporary, tmp_path):
    for error in (None, RuntimeError, KeyboardInterrupt):
        try:
            with temporary_files(WorkDir(tmp_path / "work")):
                Path(tempfile.mkdtemp(), "package").touch()
                code = "import tempfile; print(tempfile.mkdtemp())"
                run = subprocess.run(
                    [sys.executable, "-c", code], capture_output=True, text=True, check=True
                )
                assert temporary in Path(run.stdout.strip()).parents
                assert len(left(temporary)) >= 3
                if error:
                    raise error
        except (RuntimeError, KeyboardInterrupt):
            pass
        assert left(temporary) == []
        assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == (str(temporary), "/before")


def test_what_a_killed_run_has_left_is_removed_by_the_next_one_in_its_directory(
    temporary, tmp_path
):
    with temporary_files(WorkDir(tmp_path / "other")):
        other = tempfile.gettempdir()
    Path(other).mkdir()
    with temporary_files(WorkDir(tmp_path / "work")):
        killed = tempfile.gettempdir()
    Path(killed, "half").mkdir(parents=True)
    with temporary_files(WorkDir(tmp_path / "work")):
        assert tempfile.gettempdir() == killed and not list(Path(killed).iterdir())
    assert left(temporary) == [Path(other)]
