"""What is looked at and made when a pipeline with Beam starts."""

import socket
import subprocess
import sys
import tarfile

import pytest

from pipeline import beam_runners
from pipeline.beam_runners import BeamSettings
from pipeline.errors import UsageError

DOCKER = {"environment": "docker", "environment_config": "registry/tuwen:1"}


def test_the_source_that_is_shipped_makes_a_package(tmp_path):
    flink = BeamSettings(runner="flink", endpoint="flink:8081", **DOCKER)
    found = beam_runners.ready(flink.arguments(), tmp_path)
    (setup,) = [one for one in found if one.startswith("--setup_file=")]
    path = setup.partition("=")[2]
    assert path.startswith(str(tmp_path))
    # As Beam's stager does it.
    command = [sys.executable, "setup.py", "-q", "sdist", "-d", str(tmp_path / "dist")]
    folder = tmp_path / "source"
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (package,) = (tmp_path / "dist").iterdir()
    with tarfile.open(package) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"components/caption_example_gen/ingest.py", "data/schema.py", "setup.py"} <= names
    assert any(name.endswith(".pbtxt") for name in names)


def test_options_of_this_machine_stay_as_they_are(tmp_path):
    arguments = BeamSettings(workers=2).arguments()
    assert beam_runners.ready(arguments, tmp_path / "beam") == list(arguments)
    assert not (tmp_path / "beam").exists()


def test_a_job_service_that_is_not_there_is_named(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    arguments = BeamSettings(runner="portable", endpoint=endpoint).arguments()
    with pytest.raises(UsageError, match=r"nobody answers there .*job service"):
        beam_runners.ready(arguments, tmp_path)
    with socket.create_server(("127.0.0.1", int(endpoint.rpartition(":")[2]))):
        assert beam_runners.ready(arguments, tmp_path) == list(arguments)


def test_a_source_that_is_not_here_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(beam_runners, "PROJECT", tmp_path)
    with pytest.raises(UsageError, match=r"has no setup\.py"):
        beam_runners.ship(tmp_path / "x")
