"""The work directory: its lock, and which models and runs are found."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.work_dir import WorkDir, find_judge, find_model, newest_run


@pytest.fixture(autouse=True)
def empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def push(path):
    directory = Path(path)
    directory.mkdir(parents=True)
    (directory / "saved_model.pb").touch()
    return directory


def test_the_newest_version_of_all_runs_is_found():
    push("runs/a/serving/generator/9")
    newest = push("runs/b/serving/generator/10")
    push("runs/b/serving/captioner/11")
    assert find_model("generator") == newest


def test_a_smoke_run_is_only_used_when_there_is_no_other():
    smoke = push("runs/a-smoke/serving/encoder/20")
    assert find_model("encoder") == smoke
    real = push("runs/a/serving/encoder/10")
    assert find_model("encoder") == real


def test_an_unfinished_or_foreign_version_is_passed_over():
    whole = push("runs/a/serving/encoder/10")
    Path("runs/a/serving/encoder/11").mkdir()
    push("runs/a/serving/encoder/latest")
    assert find_model("encoder") == whole


@pytest.mark.parametrize(
    "given", ["w", "w/serving", "w/serving/captioner", "w/serving/captioner/5"]
)
def test_a_model_is_found_from_any_level(given):
    assert find_model("captioner", push("w/serving/captioner/5") and given) == Path(
        "w/serving/captioner/5"
    )


def test_a_model_of_tuwen_train_is_found():
    assert find_model("captioner", push("w/models/captioner") and "w").name == "captioner"


def test_the_judge_of_a_run_is_the_one_trained_last():
    run = WorkDir(Path("w"))
    assert find_judge(run) is None
    push("w/pipeline_root/Trainer.judge/model/9/Format-Serving")
    newest = push("w/pipeline_root/Trainer.judge/model/10/Format-Serving")
    Path("w/pipeline_root/Trainer.judge/model/11/Format-Serving").mkdir(parents=True)
    assert find_judge(run) == newest


def test_a_directory_without_the_model_is_told():
    push("w/serving/captioner/5")
    with pytest.raises(UsageError, match="w: holds no generator"):
        find_model("generator", "w")


def test_no_model_at_all_is_told_with_the_way_out():
    with pytest.raises(UsageError, match="tuwen run demo"):
        find_model("generator")


def test_newest_run_is_the_one_written_to_last():
    assert newest_run() is None
    for name, when in (("a", 100), ("b", 200), ("c-smoke", 300)):
        database = Path("runs", name, "metadata.db")
        database.parent.mkdir(parents=True)
        database.touch()
        import os

        os.utime(database, (when, when))
    assert newest_run().root == Path("runs/b")


def test_a_second_process_is_kept_out_and_the_lock_ends_with_the_first(tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom pipeline.work_dir import WorkDir\n"
        "with WorkDir(Path('w')).locked():\n    print('locked', flush=True)\n    sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        text=True,
    )
    assert holder.stdout.readline() == "locked\n"
    with (
        pytest.raises(UsageError, match=rf"w is in use by process {holder.pid}, started"),
        WorkDir(Path("w")).locked(),
    ):
        pass
    holder.kill()
    holder.wait()
    with WorkDir(Path("w")).locked():
        pass
