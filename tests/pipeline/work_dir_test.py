"""The work directory: its lock, and the models in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.work_dir import WorkDir
from tests.pipeline.run_dirs import save_model


@pytest.fixture(autouse=True)
def empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_trained_models_are_those_that_are_whole():
    run = WorkDir(Path("w"))
    assert run.trained("Trainer.judge") == {}
    for number in (9, 10):
        save_model(f"w/pipeline_root/Trainer.judge/model/{number}/Format-Serving")
    Path("w/pipeline_root/Trainer.judge/model/11/Format-Serving").mkdir(parents=True)
    assert list(run.trained("Trainer.judge")) == [9, 10]


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
    assert f"process {holder.pid}" in WorkDir(Path("w")).holder()
    holder.kill()
    holder.wait()
    assert WorkDir(Path("w")).holder() == ""
    with WorkDir(Path("w")).locked():
        pass


def test_a_file_is_no_work_directory():
    Path("w").touch()
    with pytest.raises(UsageError, match="is a file"), WorkDir(Path("w")).locked():
        pass
