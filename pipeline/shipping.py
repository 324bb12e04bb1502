"""What Beam's options need when a pipeline starts: the source for workers, somebody who answers.

Needs neither Beam nor TFX.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from pipeline.beam_settings import SHIPPED
from pipeline.errors import UsageError

PROJECT = Path(__file__).resolve().parents[1]
SOURCE = ("setup.py", "README.md", "LICENSE", "NOTICE", "data", "trainer", "components", "pipeline")
JOB_SERVICE = "python -m apache_beam.runners.portability.local_job_service_main --port"
_ENDPOINT = "--job_endpoint="
_PATIENCE = 5.0


def ready(arguments: Sequence[str], scratch: Path) -> list[str]:
    """Returns Beam's options with the source in `scratch`, if workers elsewhere need it.

    Raises:
      UsageError: nobody answers where the job service should be, or the source is not here.
    """
    for argument in arguments:
        if argument.startswith(_ENDPOINT):
            require_answer(argument.removeprefix(_ENDPOINT))
    if SHIPPED not in arguments:
        return list(arguments)
    setup = f"--setup_file={ship(scratch)}"
    return [setup if argument == SHIPPED else argument for argument in arguments]


def require_answer(endpoint: str) -> None:
    """Raises UsageError unless something listens at `host:port`."""
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise UsageError(
            f"beam.endpoint = '{endpoint}': nobody answers there ({error}). Start a job service, "
            f"such as: {JOB_SERVICE} {port}"
        ) from None


def ship(scratch: Path) -> Path:
    """Copies the source into `scratch`, where Beam may build a package of it; returns its setup.py.

    The installed source itself may belong to another user.
    """
    if not (PROJECT / SOURCE[0]).is_file():
        raise UsageError(
            f"{PROJECT} has no {SOURCE[0]}, which Beam's workers are sent: install Tuwen editable "
            "(make env), or take beam.runner: direct"
        )
    target = scratch / "source"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in SOURCE:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target / name)
    return target / SOURCE[0]
