"""Several devices or workers give the losses of one; each training is a process of its own.

Only sums are ordered otherwise, but Adam takes a step of full size by whatever gradient there is,
be it rounding: the first losses agree to six digits, those after some updates to two or more.
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

from trainer.engine import distribution
from trainer.settings_loader import SettingsError, to_mapping

SCRIPT = Path(__file__).with_name("replicas.py")
STEPS, KILLED_AT = 6, 3


@pytest.fixture
def write(tmp_path, experiment, prepared):
    """Returns a function: (name, settings of a stage by name) -> a directory with them and data."""

    def make(name, **settings):
        changed = {stage: replace(getattr(experiment, stage), **s) for stage, s in settings.items()}
        mapping, root = to_mapping(replace(experiment, **changed)), tmp_path / name
        shutil.copytree(Path(prepared.files["train"][0]).parent, root / "prepared")
        (root / "experiment.json").write_text(json.dumps(mapping), encoding="utf-8")
        return root

    return make


def begin(directory, stage, strategy, devices, worker=None, addresses=(), killed_at=None):
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parents[3]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    if worker is not None:
        cluster = {"worker": list(addresses)}
        task = {"type": "worker", "index": worker}
        environment["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    arguments = [stage, strategy, devices, STEPS, *([] if killed_at is None else [killed_at])]
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
            begin(
                directory,
                "encoder",
                "multi_worker",
                1,
                worker,
                addresses,
                killed_at if worker else None,
            )
            for worker in range(2)
        )
    )


def assert_close(losses, expected, least=1e-6):
    assert [step["step"] for step in losses] == [step["step"] for step in expected]
    for one, other in zip(losses, expected, strict=True):
        tolerance, smallest = (1e-5, 1e-6) if one["step"] < 2 else (1e-2, least)
        for name, value in one.items():
            expected_value = pytest.approx(other[name], rel=tolerance, abs=smallest)
            assert value == expected_value, (one["step"], name)


def assert_devices_agree(write, stage, settings, start=None):
    """Returns the losses of two devices, which are those of one."""
    places = write("one", **settings), write("two", **settings)
    if start is not None:
        for place in places:
            shutil.copytree(start, place / "encoder")
    one, two = finish(begin(places[0], stage, "none", 1), begin(places[1], stage, "mirrored", 2))
    assert (one[0], two[0]) == (0, 0), one[1] + two[1]
    expected, mirrored = map(result, places)
    assert mirrored["device"] == "2 CPU replicas" and len(expected["losses"]) == STEPS
    # A critic with clipped weights says about 1e-4, and Adam makes whole steps of what rounding
    # leaves of its gradients.
    clipped = settings.get("generator", {}).get("loss") == "wasserstein"
    assert_close(mirrored["losses"], expected["losses"], least=1e-4 if clipped else 1e-6)
    return mirrored["losses"]


@pytest.mark.slow
def test_devices_and_workers_give_the_losses_of_one_device_even_after_a_kill(write):
    settings = {"encoder": {"dropout": 0.2, "flip": True}}
    mirrored = assert_devices_agree(write, "encoder", settings)

    directory = write("workers", **settings)
    (left, output), (killed, _) = start_workers(directory, killed_at=KILLED_AT)
    assert killed == -9 and left == 3
    assert re.search("another worker is gone.*Start all workers again", output)
    ended = start_workers(directory)
    assert [code for code, _ in ended] == [0, 0], ended
    for worker in range(2):
        assert result(directory, worker)["losses"] == mirrored[KILLED_AT:]
    assert (directory / "model" / "saved_model.pb").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "settings", "seen"),
    [
        (
            "captioner",
            {"layers": 2, "dropout": 0.2, "sampled_words": 0.5, "self_critical_from": 0.8}
            | {"views": True},
            {"cross_entropy", "self_critical", "reward"},
        ),
        (
            "generator",
            {"loss": "wgan_gp", "discriminator_steps": 1}
            | {"augment_adaptive": True, "augment_images": 640, "adversarial_from": 0.0},
            {"kl", "penalty", "d_mismatched", "g_contrastive", "g_attributes"}
            | {"augment_probability"},
        ),
        (
            "generator",
            {"architecture": "dcgan", "loss": "wasserstein", "discriminator_steps": 1},
            {"d_matched", "g_adversarial"},
        ),
        ("generator", {"architecture": "vae"}, {"reconstruction", "kl"}),
    ],
)
def test_devices_give_the_losses_of_one_in_later_stages(write, trained, stage, settings, seen):
    start = trained("encoder").model_dir
    losses = assert_devices_agree(write, stage, {stage: settings}, start)
    assert seen <= set().union(*losses)


def test_devices_that_are_made_too_late_are_an_error_with_a_remedy():
    np.testing.assert_array_equal(distribution.mean([1.0, None]), [1.0, None])
    with pytest.raises(SettingsError, match=r"devices = 3.*distribution\.start first"):
        distribution.start("mirrored", 3)


def test_one_device_is_chief_and_has_a_clock_that_runs():
    assert distribution.is_chief() and distribution.alone()
    clock = distribution.Clock()
    assert clock() <= clock()
