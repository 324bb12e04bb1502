"""A run for each new span, none twice, none while data are still arriving."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.base.errors import DataError
from data.scenes import as_captioned_images
from pipeline import settings as settings_file
from pipeline.commands.watch import Watch, require_spans, spans_in
from pipeline.work_dir import WorkDir
from tests.scene_folders import write_scenes
from trainer.settings_loader import SettingsError

PROJECT = Path(__file__).resolve().parents[2]


def arrive(data, span, pictures=2, seed=0):
    write_scenes(data / f"span-{span}", as_captioned_images(pictures, 16, seed=seed))


class Runs:
    """Stands in for the pipeline: what it was run on, and how the runs end."""

    def __init__(self, data):
        self.data, self.seen, self.ends = data, [], []
        self.during = lambda: None

    def __call__(self):
        self.seen.append(sorted(path.name for path in self.data.iterdir())[-1])
        self.during()
        return self.ends.pop(0) if self.ends else True


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def watch(tmp_path, data):
    return make(tmp_path, data, Runs(data))


def make(tmp_path, data, runs, *assignments):
    settings = settings_file.load("demo", data=spans_in(str(data)), assignments=assignments)
    lines = []
    made = Watch(settings, WorkDir(tmp_path / "work"), runs, lines.append)
    made.lines = lines
    return made


def look(watch, times=2):
    return [watch.look() for _ in range(times)][-1]


def test_a_new_span_is_run_on_once(watch, data):
    assert look(watch) is None and watch.run.seen == []
    arrive(data, 1)
    assert look(watch) is True
    assert look(watch, 3) is None
    arrive(data, 2)
    assert look(watch) is True
    assert watch.run.seen == ["span-1", "span-2"]


def test_nothing_is_run_while_data_are_arriving(watch, data):
    arrive(data, 1, pictures=1)
    assert watch.look() is None
    arrive(data, 1, pictures=2, seed=1)
    assert watch.look() is None
    assert watch.look() is True


def test_of_those_that_arrive_during_a_run_the_newest_is_taken(watch, data):
    arrive(data, 1)

    def during():
        for span in (2, 3):
            arrive(data, span)
        watch.run.during = lambda: None

    watch.run.during = during
    assert look(watch) is True
    assert look(watch) is True
    assert look(watch) is None
    assert watch.run.seen == ["span-1", "span-3"]


def test_a_failed_run_is_told_and_not_repeated_until_something_changes(watch, data, tmp_path):
    arrive(data, 1)
    watch.run.ends = [False]
    assert look(watch) is False
    assert "span 1: the run failed; it is not tried again" in watch.lines[-1]
    assert look(watch, 3) is None
    arrive(data, 1, pictures=3)
    assert look(watch) is True
    again = make(tmp_path, data, watch.run, "training.seed=1")
    assert look(again) is True
    assert len(watch.run.seen) == 3


def test_what_was_done_is_known_after_a_restart(watch, data, tmp_path):
    arrive(data, 1)
    look(watch)
    again = make(tmp_path, data, Runs(data))
    assert look(again) is None and again.run.seen == []
    (entry,) = json.loads((tmp_path / "work" / "watch.json").read_text()).values()
    assert (entry["data"], entry["outcome"]) == ("span 1", "done")


@pytest.mark.parametrize("content", ["", '{"a": ', "[]"])
def test_a_damaged_state_is_told_before_anything_is_waited_for(content, data, tmp_path):
    path = tmp_path / "work" / "watch.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        make(tmp_path, data, Runs(data))
    assert caught.value.where == str(path)
    path.unlink()
    make(tmp_path, data, Runs(data))


def test_an_interrupted_run_is_taken_up_again(watch, data):
    arrive(data, 1)
    watch.run.ends = [None]
    assert look(watch) is None
    assert watch.look() is True
    assert len(watch.run.seen) == 2


def test_another_run_in_the_work_directory_is_waited_for(watch, data):
    arrive(data, 1)
    with watch.work.locked():
        assert look(watch) is None
    assert "in use by" in watch.lines[-1] and watch.run.seen == []
    assert watch.look() is True


def test_that_nothing_has_arrived_yet_is_said_once(watch):
    look(watch, 3)
    assert len(watch.lines) == 1 and "nothing fits" in watch.lines[0]


def test_a_folder_stands_for_its_spans():
    assert spans_in("data/") == "data/span-{SPAN}"
    assert spans_in("data/v-{SPAN}/x") == "data/v-{SPAN}/x"


def test_what_can_bring_no_new_span_is_refused(data):
    settings = settings_file.load("demo", data=str(data))
    with pytest.raises(SettingsError, match=r"watch needs \{SPAN\}"):
        require_spans(settings)
    fixed = settings_file.load("demo", data=spans_in(str(data)), assignments=["source.span=3"])
    with pytest.raises(SettingsError, match=r"source.span = 3: .*set it to null"):
        require_spans(fixed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_told_to(tmp_path, data, number):
    """Without data: it waits for the first span, in a process of its own."""
    command = [sys.executable, "-m", "pipeline.cli", "watch", "demo", "--data", str(data)]
    process = subprocess.Popen(
        [*command, "--work", str(tmp_path / "w"), "--every", "30"],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = process.stdout.readline() + process.stdout.readline()
        assert "watching" in said and "nothing fits" in said
        start = time.monotonic()
        process.send_signal(number)
        rest, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0 and rest.rstrip().endswith("ended")
    assert time.monotonic() - start < 10


def test_a_run_at_work_is_interrupted_and_waited_for(tmp_path, data, monkeypatch):
    """A stand-in for `tuwen run` that says how it was ended."""
    arrive(data, 1)
    package = tmp_path / "fake" / "pipeline"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    told = tmp_path / "told"
    (package / "cli.py").write_text(
        "import time, pathlib\n"
        f"told = pathlib.Path({str(told)!r})\n"
        "try:\n    told.write_text('begun')\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    told.write_text('interrupted')\n    raise SystemExit(130)\n"
    )
    script = (
        "import os, sys; from pipeline import cli; os.environ['PYTHONPATH'] = sys.argv[1];"
        "os.chdir(sys.argv[1]); sys.exit(cli.main(sys.argv[2:]))"
    )
    arguments = ["watch", "demo", "--data", str(data), "--work", str(tmp_path / "w")]
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(package.parent), *arguments, "--every", "0.1"],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 30
        while not (told.is_file() and told.read_text() == "begun"):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0 and told.read_text() == "interrupted"
    assert "ending the run" in said
    assert not (tmp_path / "w" / "watch.json").exists()
