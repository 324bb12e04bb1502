"""Which models and runs are found, and what is said where there are none."""

import os
from pathlib import Path

import pytest

from pipeline import outcomes
from pipeline.errors import UsageError
from pipeline.model_lookup import (
    FIRST_STEP,
    ModelNotFound,
    find_judge,
    find_model,
    newer_refusal,
    newest_run,
    require_run,
)
from pipeline.work_dir import JUDGE_NODE, WorkDir
from tests.pipeline.run_dirs import ENDED, finish, save_model, start, trained


@pytest.fixture(autouse=True)
def empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_newest_version_of_all_runs_is_found():
    save_model("runs/a/serving/generator/9")
    newest = save_model("runs/b/serving/generator/10")
    save_model("runs/b/serving/captioner/11")
    assert find_model("generator") == newest


def test_a_smoke_run_is_only_used_when_there_is_no_other():
    smoke = save_model("runs/a-smoke/serving/encoder/20")
    assert find_model("encoder") == smoke
    real = save_model("runs/a/serving/encoder/10")
    assert find_model("encoder") == real


def test_an_unfinished_or_foreign_version_is_passed_over():
    whole = save_model("runs/a/serving/encoder/10")
    Path("runs/a/serving/encoder/11").mkdir()
    save_model("runs/a/serving/encoder/latest")
    assert find_model("encoder") == whole


@pytest.mark.parametrize(
    "given", ["w", "w/serving", "w/serving/captioner", "w/serving/captioner/5"]
)
def test_a_model_is_found_from_any_level(given):
    assert find_model("captioner", save_model("w/serving/captioner/5") and given) == Path(
        "w/serving/captioner/5"
    )


def test_a_model_of_tuwen_train_is_found():
    assert find_model("captioner", save_model("w/models/captioner") and "w").name == "captioner"


def test_the_judge_of_a_run_is_the_one_trained_last():
    run = WorkDir(Path("w"))
    assert find_judge(run) is None
    trained(run, JUDGE_NODE.removeprefix("Trainer."), 9)
    newest = trained(run, JUDGE_NODE.removeprefix("Trainer."), 10)
    assert find_judge(run) == newest


def test_a_directory_without_the_model_is_told():
    save_model("w/serving/captioner/5")
    with pytest.raises(UsageError, match="w: holds no generator"):
        find_model("generator", "w")


def missing(model="generator", given=None):
    """The error of a model that is not there."""
    with pytest.raises(ModelNotFound) as raised:
        find_model(model, given)
    return raised.value


def test_no_run_at_all_is_told_with_the_first_step():
    for look_up in (lambda: find_model("generator"), require_run):
        with pytest.raises(UsageError, match=FIRST_STEP):
            look_up()


@pytest.mark.parametrize("given", [None, "runs/demo"])
def test_a_refusal_takes_the_place_of_the_first_step(given):
    work = finish(start("runs/demo"), refused=["generator"])
    error = missing(given=given)
    assert [item.code for item in error.outcomes] == [outcomes.REFUSED]
    assert error.outcomes[0].work == work
    assert FIRST_STEP not in str(error)


def test_a_run_without_metadata_is_told_as_it_is():
    start("runs/demo")
    assert [item.code for item in missing().outcomes] == [outcomes.UNFINISHED]
    with pytest.raises(ModelNotFound) as raised:
        require_run()
    assert {item.code for item in raised.value.outcomes} == {outcomes.UNFINISHED}
    assert FIRST_STEP not in str(raised.value)


def test_what_tuwen_train_exported_is_no_run_and_is_told():
    save_model("runs/demo/models/generator")
    assert [item.code for item in missing().outcomes] == [outcomes.NO_RUN]


def test_of_several_runs_the_newest_is_explained_and_the_others_are_named():
    finish(start("runs/a"), refused=["generator"])
    start("runs/b-smoke", smoke=True)
    Path("runs/empty").mkdir()
    stopped = start("runs/c")
    os.utime(stopped.settings, (ENDED + 1, ENDED + 1))
    error = missing()
    assert [(item.work, item.code) for item in error.outcomes] == [(stopped, outcomes.UNFINISHED)]
    named = [line for line in str(error).splitlines() if line.startswith("  Also: ")]
    assert [name in line for name, line in zip(("runs/a", "runs/b-smoke"), named, strict=True)]


def test_a_refusal_that_is_newer_than_the_model_in_use_is_found():
    finish(start("runs/old"))
    work = finish(start("runs/demo"), refused=["generator"])
    os.utime(work.metrics, (ENDED + 1, ENDED + 1))
    version = find_model("generator")
    assert version.parts[1] == "old"
    assert newer_refusal("generator", version).work == work
    assert newer_refusal("generator", version, "runs/demo").work == work
    assert newer_refusal("generator", version, "runs/old") is None
    assert newer_refusal("generator", version, str(version)) is None
    assert newer_refusal("encoder", find_model("encoder")) is None
    exported = save_model("runs/demo/models/generator")
    assert newer_refusal("generator", exported, "runs/demo") is None
    later = save_model(f"runs/old/serving/generator/{ENDED + 2}")
    assert newer_refusal("generator", later) is None


def test_a_dry_run_is_a_run():
    work = finish(start("runs/dry-run-demo"))
    work.metadata.unlink()
    assert require_run() == work


def test_newest_run_is_the_one_written_to_last():
    assert newest_run() is None
    for name, when in (("a", 100), ("b", 200), ("c-smoke", 300)):
        database = Path("runs", name, "metadata.db")
        database.parent.mkdir(parents=True)
        database.touch()
        os.utime(database, (when, when))
    assert newest_run().root == Path("runs/b")
