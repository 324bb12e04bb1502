"""Kernels go by the processor and are chosen before TensorFlow is imported, or by the user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from data.base import processor

ROOT = Path(__file__).parents[3]


@pytest.fixture
def cpu(tmp_path, monkeypatch):
    """Makes this machine one whose processor has those flags."""

    def make(flags: str) -> None:
        info = tmp_path / "cpuinfo"
        info.write_text(f"processor\t: 0\nflags\t\t: {flags}\nprocessor\t: 1\nflags\t\t: other\n")
        monkeypatch.setattr(processor, "CPUINFO", info)
        # What the session itself has loaded is not what a fresh process would see.
        monkeypatch.delitem(sys.modules, "tensorflow", raising=False)

    return make


def test_flags_are_those_of_the_first_core(cpu):
    cpu("fpu avx2 fma")
    assert processor.flags() == {"fpu", "avx2", "fma"}


@pytest.mark.parametrize(
    ("flags", "before", "after"),
    [
        ("avx2 fma", {}, {processor.ONEDNN: "1"}),
        ("avx2 avx512_vnni", {}, {processor.ONEDNN: "1"}),
        ("avx2 fma", {processor.ONEDNN: "0"}, {processor.ONEDNN: "0"}),
        ("sse4_2 avx", {}, {}),
    ],
)
def test_onednn_is_chosen_by_the_processor_unless_it_is_set(cpu, flags, before, after):
    cpu(flags)
    environment = dict(before)
    processor.prefer_onednn(environment)
    assert environment == after


def test_a_variable_that_comes_too_late_is_not_set(cpu, monkeypatch):
    cpu("avx2 fma")
    monkeypatch.setitem(sys.modules, "tensorflow", object())
    environment: dict[str, str] = {}
    processor.prefer_onednn(environment)
    assert environment == {}
    assert "imported before" in processor.kernels(environment)


@pytest.mark.parametrize(
    ("flags", "environment", "words"),
    [
        ("avx2", {processor.ONEDNN: "1"}, "is on"),
        ("avx2 avx512_vnni", {processor.ONEDNN: "0"}, "is off"),
        ("avx2 avx512_vnni", {}, "is on"),
        ("sse4_2", {}, "left to TensorFlow"),
    ],
)
def test_the_kernels_in_words(cpu, flags, environment, words):
    cpu(flags)
    assert words in processor.kernels(environment)


@pytest.mark.skipif("avx2" not in processor.flags(), reason="this processor has no AVX2")
@pytest.mark.parametrize("room", ["data", "trainer", "components", "pipeline"])
def test_every_room_chooses_before_tensorflow_is_imported(room):
    # A fresh process: this one chose long ago.
    environment = {k: v for k, v in os.environ.items() if k != processor.ONEDNN}
    code = f"import os, sys, {room}; print(os.environ['TF_ENABLE_ONEDNN_OPTS'], *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    value, *modules = done.stdout.split()
    assert value == "1" and "tensorflow" not in modules
