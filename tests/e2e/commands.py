"""The command line as a user has it: a fresh process in the user's directory."""

import os
import subprocess
import sys
from pathlib import Path


def environment() -> dict[str, str]:
    """The environment of a command that runs in another directory than the project's."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def tuwen(directory: Path, *arguments: str) -> str:
    """Runs one command to its end and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
