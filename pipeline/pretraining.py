"""A run that comes before another one, whose trainings start from its models."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from pipeline.errors import RunError
from pipeline.run_command import run_command
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
    if subprocess.run(command(settings, work, smoke=smoke, fresh=fresh), check=False).returncode:
        raise RunError(f"the pretraining failed; its log is {work.pretraining.log}")


def command(settings: PretrainSettings, work: WorkDir, *, smoke: bool, fresh: bool) -> list[str]:
    """Returns the command line of the pretraining."""
    return run_command(
        settings.config,
        work.pretraining,
        data=settings.data,
        minutes=settings.minutes,
        assignments=settings.set,
        smoke=smoke,
        fresh=fresh,
    )
