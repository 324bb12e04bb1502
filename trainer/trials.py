"""The table of all trials of a hyper-parameter search; needs no TensorFlow."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.base.files import write_whole

TABLE = "trials.jsonl"
RUNNING, FINISHED, FAILED = "running", "finished", "failed"


@dataclass(frozen=True)
class Trial:
    """One row of the table.

    Attributes:
      trial: its number, from 1.
      settings: values of the knobs.
      objective, direction: name of the held-out metric that is optimised, and `min` or `max`.
      figure: its value at the end; None for a failed trial.
      steps, seconds: of the training; None for a failed trial.
      status: `running`, `finished` or `failed`.
      reason: why it failed.
      own: whether the settings are those of the config.
    """

    trial: int
    settings: dict[str, Any]
    objective: str
    direction: str
    figure: float | None = None
    steps: int | None = None
    seconds: float | None = None
    status: str = RUNNING
    reason: str = ""
    own: bool = False


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """Returns the trials, best first; of equals the earlier first, failed ones last."""
    return sorted(trials, key=_rank)


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """Returns the best trial; None if no trial finished."""
    return next((trial for trial in ranked(trials) if trial.figure is not None), None)


def write_table(trials: Iterable[Trial], path: Path) -> None:
    """Writes a JSON line for each trial, atomically."""
    lines = [json.dumps(asdict(trial), ensure_ascii=False) + "\n" for trial in trials]
    write_whole(str(path), "".join(lines).encode("utf-8"))


def read_table(text: str) -> list[Trial]:
    """Reads the output of `write_table`."""
    return [Trial(**json.loads(line)) for line in text.splitlines()]


def _rank(trial: Trial) -> tuple[float, int]:
    if trial.figure is None:
        return math.inf, trial.trial
    return (trial.figure if trial.direction == "min" else -trial.figure), trial.trial
