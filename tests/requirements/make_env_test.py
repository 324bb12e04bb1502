"""How `.venv` comes about: with a stand-in for uv, in a project folder of its own."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import make_env
import pick
import pytest

FAKE_UV = """#!/bin/sh
echo "$@" >>{calls}
echo "certificates of the machine: $UV_SYSTEM_CERTS" >>{calls}
case "$1 $2" in
  "--version "*) echo "uv {version}" ;;
  "venv "*)
    for venv; do :; done
    rm -rf "$venv"
    mkdir -p "$venv/bin"
    ln -s {python} "$venv/bin/python" ;;
  "pip sync") [ ! -e {broken} ] ;;
esac
"""


class Project:
    """A folder with the scripts, locks of one line, and a uv that only notes what it is told."""

    def __init__(self, folder: Path, uv_version: str = "0.13.8"):
        self.root = folder / "project"
        self.calls, self.broken = folder / "calls", folder / "broken"
        self.stamp = self.root / ".venv" / "made-from"
        self.bin = folder / "bin"
        self.bin.mkdir()
        uv = self.bin / "uv"
        names = {"calls": self.calls, "broken": self.broken, "python": sys.executable}
        uv.write_text(FAKE_UV.format(version=uv_version, **names), encoding="utf-8")
        uv.chmod(0o755)
        requirements = self.root / "requirements"
        requirements.mkdir(parents=True)
        for script in (make_env, pick):
            shutil.copy(script.__file__, requirements)
        self.lock = requirements / f"{pick.stack_for(pick.this_machine()).name}.txt"
        self.lock.write_text("six==1.17.0\n", encoding="utf-8")
        (requirements / "uv.txt").write_text("uv==0.13.8\n", encoding="utf-8")
        (self.root / "setup.py").write_text("", encoding="utf-8")

    def make(self, path: str | None = None, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs the script with the stand-in first on PATH."""
        environment = {**os.environ, "PATH": path or f"{self.bin}:{os.environ['PATH']}"}
        script = self.root / "requirements" / "make_env.py"
        command = [sys.executable, str(script), *options]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    def steps(self) -> list[str]:
        """What uv was told to do since the last look, without its reports."""
        lines = self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        told = ("venv", "pip sync", "pip install")
        return [verb for line in lines for verb in told if line.startswith(verb)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_fresh_clone_gets_an_environment_and_then_its_stamp(project: Project) -> None:
    done = project.make()
    assert done.returncode == 0, done.stderr
    assert project.steps() == ["venv", "pip sync", "pip install"]
    assert str(project.root) in project.stamp.read_text(encoding="utf-8")


@pytest.mark.parametrize("given", [None, "false"])
def test_uv_trusts_whom_the_machine_trusts(
    project: Project, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    """The machine of the tests has a store of certificates; a setting of one's own holds."""
    monkeypatch.delenv("UV_SYSTEM_CERTS", raising=False)
    if given is not None:
        monkeypatch.setenv("UV_SYSTEM_CERTS", given)
    project.make()
    said = project.calls.read_text(encoding="utf-8").split("pip sync")[1].splitlines()[1]
    assert said == f"certificates of the machine: {given or 'true'}"


def test_without_a_store_of_certificates_uv_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paths = ssl.get_default_verify_paths()
    monkeypatch.setattr(
        ssl, "get_default_verify_paths", lambda: paths._replace(cafile=None, capath=str(tmp_path))
    )
    assert not make_env.has_certificates()
    (tmp_path / "authority.pem").touch()
    assert make_env.has_certificates()


def test_an_unchanged_lock_costs_nothing_and_says_nothing(project: Project) -> None:
    project.make()
    project.steps()
    done = project.make()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert project.steps() == []


@pytest.mark.parametrize("changed", ["lock", "setup.py"])
def test_a_changed_input_brings_the_environment_up_to_date(project: Project, changed: str) -> None:
    project.make()
    project.steps()
    path = project.lock if changed == "lock" else project.root / changed
    path.write_text("# another\n", encoding="utf-8")
    assert project.make().returncode == 0
    assert project.steps() == ["pip sync", "pip install"]
    assert project.make().stdout == ""


@pytest.mark.parametrize("first", ["fresh", "made before"])
def test_a_half_made_environment_is_never_taken_for_whole(project: Project, first: str) -> None:
    if first == "made before":
        project.make()
        project.lock.write_text("# another\n", encoding="utf-8")
    project.broken.touch()
    done = project.make()
    assert done.returncode == 1
    assert "pip sync" in done.stderr
    assert not project.stamp.exists()
    project.broken.unlink()
    project.steps()
    assert project.make().returncode == 0
    assert project.steps() == ["venv", "pip sync", "pip install"]


def test_cudas_libraries_come_with_the_stack_that_they_are_locked_for(project: Project) -> None:
    project.make()
    done = project.make(None, "--gpu")
    assert done.returncode == 1
    assert "CUDA's libraries are locked for tfx-1.21 alone" in done.stderr
    beside = project.lock.with_name(f"{project.lock.stem}-gpu.txt")
    beside.write_text("cuda==1\n", encoding="utf-8")
    project.steps()
    assert project.make(None, "--gpu").returncode == 0
    assert str(beside) in project.calls.read_text(encoding="utf-8")
    assert project.steps() == ["pip sync", "pip install"]


def test_a_lost_interpreter_means_a_new_environment(project: Project) -> None:
    project.make()
    project.steps()
    (project.root / ".venv/bin/python").unlink()
    assert project.make().returncode == 0
    assert project.steps()[0] == "venv"


def test_a_moved_clone_is_installed_again(project: Project) -> None:
    project.make()
    project.steps()
    project.root = project.root.rename(project.root.with_name("moved"))
    assert project.make().returncode == 0
    assert project.steps() == ["pip sync", "pip install"]


def test_a_missing_compiler_is_named_when_the_install_fails(project: Project) -> None:
    project.broken.touch()
    done = project.make(path=str(project.bin) + ":" + str(_without_compiler(project)))
    assert done.returncode == 1
    assert "this machine lacks a C++ compiler (g++)" in done.stderr
    assert "apt-get install g++ python3-dev" in done.stderr


def _without_compiler(project: Project) -> Path:
    """A PATH folder with what the stand-in needs and no compiler."""
    folder = project.bin.with_name("plain")
    folder.mkdir()
    for tool in ("sh", "rm", "mkdir", "ln"):
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    return folder


def test_an_old_uv_is_replaced_by_a_private_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, uv_version="0.4.30")
    steps: list[tuple[str, ...]] = []
    monkeypatch.setenv("PATH", f"{project.bin}:{os.environ['PATH']}")
    monkeypatch.setattr(make_env, "TOOLS", tmp_path / ".tools")
    monkeypatch.setattr(make_env, "run", lambda *command: steps.append(command))
    assert make_env.find_uv() == str(tmp_path / ".tools/bin/uv")
    assert steps[0][1:3] == ("-m", "venv")
    assert "--require-hashes" in steps[1]


def test_a_python_without_venv_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*command: str) -> None:
        raise make_env.EnvError(f"{command[1:3]} failed")

    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(make_env, "TOOLS", tmp_path / ".tools")
    monkeypatch.setattr(make_env, "run", fail)
    with pytest.raises(make_env.EnvError, match="apt-get install python3-venv"):
        make_env.find_uv()
