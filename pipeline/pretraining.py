"""A run that comes before another one, whose trainings start from its models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import RunError
from pipeline.work_dir import WorkDir

# In `start_from`, in place of a path: what the pretraining has pushed.
PRETRAIN = "pretrain"


@dataclass(frozen=True)
class PretrainSettings:
    """Which run comes first: a pipeline of its own, from its data to a verdict.

    Attributes:
      config: name of a config, or path of a YAML file; it may have a pretraining of its own.
      data, minutes: as for `tuwen run`; null takes what the config says.
      set: changes to that config, `dotted.key=value` each.
    """

    config: str
    data: str | None = None
    minutes: float | None = None
    set: tuple[str, ...] = ()


def run(settings: PretrainSettings, work: WorkDir, *, smoke: bool, fresh: bool) -> None:
    """Runs the pretraining of the run in `work`; all from its cache if nothing has changed.

    Raises:
      RunError: it failed. What it printed says why.
    """
    # A process of its own gives back all the memory that it took.
    command = [sys.executable, "-m", "pipeline.cli", "run"]
    command += arguments(settings, work, smoke=smoke, fresh=fresh)
    if subprocess.run(command, check=False).returncode:
        raise RunError(f"the pretraining failed; its log is {work.pretraining.log}")


def arguments(
    settings: PretrainSettings, work: WorkDir, *, smoke: bool, fresh: bool
) -> Sequence[str]:
    """Returns what `tuwen run` is given."""
    found = [settings.config, "--work", str(work.pretraining.root)]
    found += ["--data", settings.data] if settings.data else []
    found += ["--minutes", str(settings.minutes)] if settings.minutes else []
    found += [part for one in settings.set for part in ("--set", one)]
    return found + ["--smoke"] * smoke + ["--fresh"] * fresh
