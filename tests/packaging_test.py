"""What a wheel holds, so that an installed Tuwen has all that the source tree has."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = ("data", "trainer", "components", "pipeline")
BUILD = "from setuptools import build_meta; build_meta.build_wheel('wheels')"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a wheel is built from."""
    root = tmp_path_factory.mktemp("source")
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, root)
    for room in ROOMS:
        shutil.copytree(PROJECT / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture(scope="module")
def wheel(copy: Path) -> dict[str, bytes]:
    """The files in a wheel built from the copy, by name."""
    subprocess.run([sys.executable, "-c", BUILD], cwd=copy, check=True, capture_output=True)
    (path,) = (copy / "wheels").glob("tuwen-*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_every_file_of_the_rooms_is_in_the_wheel(copy: Path, wheel: dict[str, bytes]) -> None:
    files = {str(path.relative_to(copy)) for room in ROOMS for path in (copy / room).rglob("*.*")}
    assert files - set(wheel) == set()
    assert {"data/schema.py", "pipeline/configs/demo.yaml"} <= files


def test_nothing_else_is_in_the_wheel(wheel: dict[str, bytes]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOMS)


def test_the_command_is_installed(wheel: dict[str, bytes]) -> None:
    (points,) = (text for name, text in wheel.items() if name.endswith("/entry_points.txt"))
    assert b"tuwen = pipeline.cli:main" in points
