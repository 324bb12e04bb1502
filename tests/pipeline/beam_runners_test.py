"""Runners that the settings name give the same examples, byte for byte, on generated pictures."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import apache_beam as beam
import pytest

from components.caption_example_gen.ingest import OUTCOME, ingest
from components.caption_example_gen.options import IngestOptions
from data.scenes import as_captioned_images
from pipeline import beam_runners
from pipeline.beam_runners import BeamSettings
from tests.scene_folders import write_scenes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def _importable():
    """Workers in processes of their own find this tree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder, as_captioned_images(24, 16, seed=0))
    with (folder / "captions.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"image": "gone.png", "captions": ["not there"]}\n')
    return str(folder)


@pytest.fixture
def job_service():
    """`host:port` of Beam's own local job service."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main"]
    with subprocess.Popen([*command, "--port", str(port)]) as process:
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"127.0.0.1:{port}"
        process.terminate()


def examples(source, settings, directory):
    """Returns the bytes of shards and outcome, by path."""
    options = IngestOptions.from_mapping({})
    with beam.Pipeline(
        argv=beam_runners.ready(settings.arguments(), directory / "beam")
    ) as pipeline:
        ingest(pipeline, options.open(source), str(directory), options)
    found = [directory / OUTCOME, *directory.glob("Split-*/*")]
    return {path.relative_to(directory): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def in_memory(source, tmp_path_factory):
    found = examples(source, BeamSettings(), tmp_path_factory.mktemp("memory"))
    assert any("Split-train" in str(name) for name in found)
    assert b"missing_file" in found[Path(OUTCOME)]
    return found


@pytest.mark.slow
def test_processes_give_what_memory_gives(source, in_memory, tmp_path):
    assert examples(source, BeamSettings(workers=2), tmp_path) == in_memory


@pytest.mark.slow
def test_a_job_service_gives_what_memory_gives(source, in_memory, tmp_path, job_service):
    settings = BeamSettings(runner="portable", endpoint=job_service)
    assert examples(source, settings, tmp_path) == in_memory
