"""A run that comes first: what it is given, and that the other one starts from what it pushed."""

import shutil

import pytest

from pipeline import processes
from pipeline import settings as settings_file
from pipeline.commands.compile import require_complete
from pipeline.errors import RunError, UsageError
from pipeline.settings import PretrainSettings
from pipeline.stages import starts
from pipeline.work_dir import WorkDir
from trainer.config import STAGES
from trainer.settings_loader import SettingsError

BOTH = ("pretrain={config: demo, set: [generator.width=64]}", "start_from=pretrain")


def load(*assignments):
    return settings_file.load("fashion64", data="products", assignments=assignments)


@pytest.fixture
def work(tmp_path):
    return WorkDir(tmp_path / "own")


def push(work, pushed, version):
    for stage in STAGES:
        shutil.copytree(
            pushed / stage / "1",
            work.pretraining.serving / stage / str(version),
            dirs_exist_ok=True,
        )


def test_trainings_start_from_what_it_pushed_last(work, pushed):
    push(work, pushed, 10)
    settings = load(*BOTH)
    assert {path.name for path in starts(settings, work, ["data"]).values()} == {"10"}
    push(work, pushed, 20)
    found = starts(settings, work, ["data"])
    assert found == {stage: work.pretraining.serving / stage / "20" for stage in STAGES}


def test_a_stage_can_be_left_out(work, pushed):
    push(work, pushed, 10)
    settings = load(BOTH[0], "start_from={all: pretrain, captioner: null}")
    assert set(starts(settings, work, ["data"])) == {"encoder", "generator"}


def test_a_model_that_it_did_not_push_is_missed_with_the_place_of_the_reason(work):
    with pytest.raises(SettingsError, match=r"has pushed no encoder .*own/pretraining/report"):
        starts(load(*BOTH), work, ["data"])


@pytest.mark.parametrize(
    ("assignments", "problem"),
    [
        (BOTH[:1], "no stage starts from it; add start_from: pretrain"),
        (BOTH[1:], "needs a section pretrain that names a config"),
        (("pretrain={minutes: 3}", "start_from=pretrain"), "config"),
    ],
)
def test_one_without_the_other_is_refused(assignments, problem):
    with pytest.raises(SettingsError, match=problem):
        load(*assignments)


def test_it_is_given_its_own_settings_and_place(work):
    settings = PretrainSettings("demo", "pictures", 3.0, ("a.b=1", "c=2"))
    given = processes.pretraining_command(settings, work, smoke=True, fresh=False)
    place = ["--work", str(work.root / "pretraining")]
    wishes = ["--data", "pictures", "--minutes", "3.0", "--set", "a.b=1", "--set", "c=2"]
    assert given[3:] == ["run", "demo", *place, *wishes, "--smoke"]
    plain = processes.pretraining_command(PretrainSettings("demo"), work, smoke=False, fresh=True)
    assert plain[3:] == ["run", "demo", *place, "--fresh"]


def test_a_failure_stops_the_run(work, capfd):
    with pytest.raises(RunError, match=r"pretraining failed; its log is .*own/pretraining/logs"):
        processes.run_pretraining(PretrainSettings("no-such"), work, smoke=False, fresh=False)
    assert "no-such" in capfd.readouterr().err


def test_it_is_not_compiled():
    asked = ("cluster.image=tuwen:test", "cluster.store=gs://nowhere")
    require_complete(load(*asked))
    with pytest.raises(UsageError, match="Compile and run that config"):
        require_complete(load(*BOTH, *asked))
