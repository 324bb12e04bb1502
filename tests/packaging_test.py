"""What wheel and sdist hold, so that an installed Tuwen has all that the source tree has."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import recipe

from pipeline.beam_runners import SOURCE
from trainer.export.model_card import CODE_LICENCE

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = ("data", "trainer", "components", "pipeline")
LICENCES = ("LICENSE", "NOTICE")
# Of the text that apache.org publishes.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
BUILD = "from setuptools import build_meta; build_meta.build_{kind}('{kind}')"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a wheel is built from."""
    root = tmp_path_factory.mktemp("source")
    for name in ("setup.py", "pyproject.toml", "README.md", *LICENCES):
        shutil.copy(PROJECT / name, root)
    for room in ROOMS:
        shutil.copytree(PROJECT / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def built(source: Path, kind: str) -> Path:
    """The `wheel` or the `sdist` that the build back end makes of a source tree."""
    command = [sys.executable, "-c", BUILD.format(kind=kind)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = (source / kind).glob("tuwen-*")
    return path


@pytest.fixture(scope="module")
def wheel(copy: Path) -> dict[str, bytes]:
    """The files in a wheel built from the copy, by name."""
    with zipfile.ZipFile(built(copy, "wheel")) as archive:
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


def test_the_licence_is_the_text_that_apache_publishes() -> None:
    assert hashlib.sha256((PROJECT / "LICENSE").read_bytes()).hexdigest() == APACHE_2


def test_the_wheel_declares_and_holds_the_licence(wheel: dict[str, bytes]) -> None:
    (folder,) = {name.partition("/")[0] for name in wheel if ".dist-info/" in name}
    metadata = message_from_bytes(wheel[f"{folder}/METADATA"])
    assert metadata["License-Expression"] == CODE_LICENCE == "Apache-2.0"
    assert metadata.get_all("License-File") == [*LICENCES]
    assert metadata["Author"] == "The Tuwen Authors"
    # PEP 639: with an expression, no classifier may speak of the licence.
    assert not [one for one in metadata.get_all("Classifier", []) if one.startswith("License")]
    for name in LICENCES:
        assert wheel[f"{folder}/licenses/{name}"] == (PROJECT / name).read_bytes()


def test_the_sdist_holds_the_licence(copy: Path) -> None:
    with tarfile.open(built(copy, "sdist")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {*LICENCES, "setup.py", "pyproject.toml", "README.md"} <= names


def test_the_image_is_built_from_all_that_a_package_needs() -> None:
    stages = recipe.read((PROJECT / "Dockerfile").read_text(encoding="utf-8"))
    steps = (step for stage in stages for step in stage.steps)
    copied = {word for step in steps if step.name == "COPY" for word in step.text.split()[:-1]}
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {*LICENCES} <= {*SOURCE} <= copied
    assert {*SOURCE} <= {line[1:] for line in ignored if line.startswith("!")}
