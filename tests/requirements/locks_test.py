"""What the locks promise: both stacks, every hash, and nothing of the machine that made them."""

from __future__ import annotations

import re
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pick
import pytest
from packaging.markers import Marker

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
LOCKS = ("tfx-1.16", "tfx-1.21", "tfx-1.21-gpu", "uv", "kfp", "docs")
STACKS = ("tfx-1.16", "tfx-1.21")
ENTRY = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^ \\]+)(?: ; ([^\\]+?))? \\$", re.MULTILINE)
# Every Python that a stack's lock serves.
PYTHONS = {
    stack.name: [pick.dotted(version) for version in stack.pythons]
    for stack in (pick.OLDER, pick.MODERN)
}


def text_of(lock: str) -> str:
    return (REQUIREMENTS / f"{lock}.txt").read_text(encoding="utf-8")


def versions(lock: str, python: str) -> dict[str, str]:
    """The version of each package that `lock` gives a Linux machine with this Python."""
    machine = {
        "python_version": python,
        "python_full_version": f"{python}.7",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "platform_system": "Linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return {
        name: version
        for name, version, marker in ENTRY.findall(text_of(lock))
        if not marker or Marker(marker).evaluate(machine)
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_hashes(lock: str) -> None:
    lines = text_of(lock).splitlines()
    packages = [number for number, line in enumerate(lines) if re.match(r"[A-Za-z0-9]", line)]
    assert len(packages) == len(ENTRY.findall(text_of(lock)))
    for number in packages:
        assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", lines[number + 1])


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_machine_and_no_index(lock: str) -> None:
    text = text_of(lock)
    assert "make lock" in text.splitlines()[1]
    assert not re.search(r"https?://|file:|--index|--find-links|--extra-index|(?<![\w(])/\w", text)


@pytest.mark.parametrize("lock", STACKS)
def test_a_lock_serves_each_of_its_pythons(lock: str) -> None:
    for python in PYTHONS[lock]:
        stack = versions(lock, python)
        assert stack["tfx"].startswith(lock.removeprefix("tfx-"))
        assert stack["tensorflow"].rpartition(".")[0] == stack["tensorflow-text"].rpartition(".")[0]


def test_cudas_libraries_repeat_nothing_of_their_stack() -> None:
    gpu = versions("tfx-1.21-gpu", "3.13")
    assert {"nvidia-cudnn-cu12", "nvidia-nccl-cu12"} <= set(gpu)
    assert not set(gpu) & set(versions("tfx-1.21", "3.13"))


def test_both_stacks_run_the_same_beam() -> None:
    beams = {versions(lock, python)["apache-beam"] for lock in STACKS for python in PYTHONS[lock]}
    assert len(beams) == 1


@pytest.mark.debian13
def test_this_environment_holds_what_its_lock_says() -> None:
    lock = pick.stack_for(pick.this_machine()).name
    wanted = versions(lock, f"{sys.version_info.major}.{sys.version_info.minor}")
    # Not all of sys.path: a build tool that ran before may have put its own copies there.
    here = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    installed = {
        re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower(): found.version
        for found in metadata.distributions(path=here)
    }
    assert len(wanted) > 200
    wrong = {
        name: (version, installed.get(name))
        for name, version in wanted.items()
        if installed.get(name) != version
    }
    assert not wrong
