"""Several devices or workers give the losses of one; each training is a process of its own.

Only sums are ordered otherwise, but Adam takes a step of full size by whatever gradient there is,
be it rounding: the first losses agree to six digits, those after some updates to three.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trainer import distribution
from trainer.settings_loader import SettingsError, to_mapping

SCRIPT = Path(__file__).with_name("replicas.py")
STEPS, KILLED_AT = 6, 3


@pytest.fixture
def directory(tmp_path, experiment, prepared):
    """A directory with the data and settings of the tiny encoder."""
    plain = replace(experiment.encoder, dropout=0.0, flip=True)
    mapping = to_mapping(replace(experiment, encoder=plain))
    (tmp_path / "experiment.json").write_text(json.dumps(mapping), encoding="utf-8")
    shutil.copytree(Path(prepared.files["train"][0]).parent, tmp_path / "prepared")
    return tmp_path


def begin(directory, strategy, devices, worker=None, addresses=(), killed_at=None):
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parents[2]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    if worker is not None:
        cluster = {"worker": list(addresses)}
        task = {"type": "worker", "index": worker}
        environment["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    arguments = [strategy, devices, 1, STEPS, *([] if killed_at is None else [killed_at])]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(directory), *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes):
    """(exit code, output) of each process; none outlives the test."""
    try:
        outputs = [process.communicate(timeout=600)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, text) for process, text in zip(processes, outputs, strict=True)]


def result(directory, worker=0):
    return json.loads((directory / f"result-{worker}.json").read_text(encoding="utf-8"))


def start_workers(directory, killed_at=None):
    """Two workers of which the second may be killed."""
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return finish(
        *(
            begin(directory, "multi_worker", 1, worker, addresses, killed_at if worker else None)
            for worker in range(2)
        )
    )


def assert_close(losses, expected):
    assert [step["step"] for step in losses] == [step["step"] for step in expected]
    for one, other in zip(losses, expected, strict=True):
        tolerance = 1e-5 if one["step"] < 2 else 5e-3
        for name, value in one.items():
            assert value == pytest.approx(other[name], rel=tolerance), (one["step"], name)


@pytest.mark.slow
def test_devices_and_workers_give_the_losses_of_one_device_even_after_a_kill(directory):
    apart = {name: directory.with_name(f"{directory.name}-{name}") for name in ("one", "two")}
    for place in apart.values():
        shutil.copytree(directory, place)
    one, two = finish(begin(apart["one"], "none", 1), begin(apart["two"], "mirrored", 2))
    assert (one[0], two[0]) == (0, 0), one[1] + two[1]
    expected = result(apart["one"])["losses"]
    mirrored = result(apart["two"])
    assert mirrored["device"] == "2 CPU replicas" and len(expected) == STEPS
    assert_close(mirrored["losses"], expected)

    (left, output), (killed, _) = start_workers(directory, killed_at=KILLED_AT)
    assert killed == -9 and left == 3
    assert re.search("another worker is gone.*Start all workers again", output)
    ended = start_workers(directory)
    assert [code for code, _ in ended] == [0, 0], ended
    for worker in range(2):
        assert result(directory, worker)["losses"] == mirrored["losses"][KILLED_AT:]
    assert (directory / "model" / "saved_model.pb").is_file()


def test_devices_that_are_made_too_late_are_an_error_with_a_remedy():
    np.testing.assert_array_equal(distribution.mean([1.0, None]), [1.0, None])
    with pytest.raises(SettingsError, match=r"devices = 3.*distribution\.start first"):
        distribution.start("mirrored", 3)


def test_one_device_is_chief_and_has_a_clock_that_runs():
    assert distribution.is_chief() and distribution.alone()
    clock = distribution.Clock()
    assert clock() <= clock()
