"""The choice of stack and Python, on machines that are made up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pick
import pytest
from pick import MODERN, OLDER, Machine, PickError

HERE = (sys.version_info.major, sys.version_info.minor)


@pytest.mark.parametrize(
    ("glibc", "stack"),
    [
        ((2, 31), "tfx-1.16"),
        ((2, 36), "tfx-1.16"),
        ((2, 38), "tfx-1.16"),
        ((2, 39), "tfx-1.21"),
        ((2, 41), "tfx-1.21"),
        ((3, 0), "tfx-1.21"),
    ],
)
def test_glibc_decides_the_stack(glibc: tuple[int, int], stack: str) -> None:
    assert pick.stack_for(Machine("Linux", "x86_64", glibc)).name == stack


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine("Darwin", "arm64", None), "Darwin on arm64. Use the container image"),
        (Machine("Linux", "aarch64", (2, 41)), "Linux on aarch64"),
        (Machine("Linux", "x86_64", (2, 28)), "need glibc 2.31 or later, .* has glibc 2.28"),
        (Machine("Linux", "x86_64", None), "another C library"),
    ],
)
def test_a_machine_without_wheels_is_told_what_to_do(machine: Machine, said: str) -> None:
    with pytest.raises(PickError, match=said):
        pick.stack_for(machine)


def test_this_machine_is_read() -> None:
    machine = pick.this_machine()
    assert machine.system == "Linux"
    assert machine.glibc is not None
    assert (2, 0) < machine.glibc < (3, 0)


def fake_python(path: Path, version: tuple[int, int], fits: bool = True) -> str:
    """A program that answers the probe as an interpreter of `version` would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = f'{{"path": "{path}", "version": {list(version)}, "fits": {str(fits).lower()}}}'
    path.write_text(f"#!/bin/sh\necho '{answer}'\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose running Python is 3.9, with an empty PATH and no pyenv."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(sys, "executable", fake_python(tmp_path / "running", (3, 9)))
    return tmp_path


def test_the_running_python_is_kept_where_any_will_do(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_python(machine / "bin/python3.13", (3, 13))
    monkeypatch.setattr(sys, "executable", fake_python(machine / "mine", (3, 10)))
    assert pick.python_for(MODERN) == str(machine / "mine")


def test_the_older_stack_takes_3_11_before_a_running_3_10(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", fake_python(machine / "mine", (3, 10)))
    assert pick.python_for(OLDER) == str(machine / "mine")
    found = fake_python(machine / "bin/python3.11", (3, 11))
    assert pick.python_for(OLDER) == found


def test_the_best_version_on_path_is_taken(machine: Path) -> None:
    fake_python(machine / "bin/python3.10", (3, 10))
    found = fake_python(machine / "bin/python3.12", (3, 12))
    assert pick.python_for(MODERN) == found


def test_a_pyenv_version_is_found(machine: Path) -> None:
    found = fake_python(machine / "pyenv/versions/3.11.7/bin/python3.11", (3, 11))
    assert pick.python_for(OLDER) == found


def test_a_python_that_only_uv_knows_is_found(machine: Path) -> None:
    found = fake_python(machine / "elsewhere/python3.11", (3, 11))
    uv = machine / "bin/uv"
    uv.write_text(f'#!/bin/sh\n[ "$4" = 3.11 ] && echo {found}\n', encoding="utf-8")
    uv.chmod(0o755)
    assert pick.python_for(OLDER) == found


@pytest.mark.parametrize("broken", ["shim", "free-threaded", "other version"])
def test_a_python_that_does_not_fit_is_passed_over(machine: Path, broken: str) -> None:
    path = machine / "bin/python3.11"
    fake_python(path, (3, 12) if broken == "other version" else (3, 11), fits=broken == "shim")
    if broken == "shim":
        path.write_text("#!/bin/sh\necho 'not installed' >&2\nexit 127\n", encoding="utf-8")
    good = fake_python(machine / "bin/python3.10", (3, 10))
    assert pick.python_for(OLDER) == good


def test_without_a_fitting_python_the_remedy_is_named(machine: Path) -> None:
    with pytest.raises(PickError) as raised:
        pick.python_for(OLDER)
    assert "needs CPython 3.11 or 3.10" in str(raised.value)
    assert "apt-get install python3.11" in str(raised.value)


def test_the_probe_tells_this_interpreter() -> None:
    found = pick.probe(sys.executable)
    assert found is not None
    assert found[0] == HERE
    # A virtual environment's Python leads to the one that it was made from.
    said = subprocess.check_output([found[1], "-c", "import sys; print(sys.prefix)"], text=True)
    assert said.strip() == sys.base_prefix


def test_the_script_prints_stack_and_python() -> None:
    done = subprocess.run(
        [sys.executable, pick.__file__], capture_output=True, text=True, check=True
    )
    stack, python = done.stdout.split()
    assert stack == pick.stack_for(pick.this_machine()).name
    assert Path(python).exists()
