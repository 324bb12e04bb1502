"""`tuwen run` as a process of its own, which gives back all the memory that it took."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline.work_dir import WorkDir


def run_command(
    config: str,
    work: WorkDir,
    *,
    data: str | None = None,
    minutes: float | None = None,
    assignments: Sequence[str] = (),
    smoke: bool = False,
    fresh: bool = False,
) -> list[str]:
    """Returns the command line; arguments are those of `tuwen run`."""
    command = [sys.executable, "-m", "pipeline.cli", "run", config, "--work", str(work.root)]
    command += ["--data", data] if data else []
    command += ["--minutes", str(minutes)] if minutes else []
    command += [part for one in assignments for part in ("--set", one)]
    return command + ["--smoke"] * smoke + ["--fresh"] * fresh
