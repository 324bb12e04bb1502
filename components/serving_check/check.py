"""Runs the replaying process on one SavedModel and judges what it saw; needs no TFX."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import components
from components.serving_check.findings import ServingReport, report
from components.serving_check.probes import Probe, build
from data.base.plain_paths import without_patterns
from data.schema import CaptionedImage


def check(
    model_dir: str,
    model_name: str,
    pictures: Sequence[CaptionedImage],
    *,
    batch: int = 8,
    time_limit: float = 180.0,
    compressed: Sequence[str] = (),
) -> ServingReport:
    """Replays requests built from `pictures` in a fresh process and judges the answers.

    Args:
      model_dir: the SavedModel's directory.
      model_name: `encoder`, `captioner` or `generator`.
      pictures: one or more; the first `batch` are used.
      batch: rows of the larger requests, 2 or more.
      time_limit: seconds for all of it; a slower model is refused.
      compressed: forms that must lie beside it as LiteRT models, and answer alike.

    Raises:
      ValueError: there is no picture to ask with.
    """
    probes = build(model_name, pictures, batch)
    return report(model_name, probes, replay(model_dir, probes, time_limit, compressed))


def replay(
    model_dir: str, probes: Sequence[Probe], time_limit: float, compressed: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns what the fresh process saw, or `{"died": reason}` when it left nothing."""
    with tempfile.TemporaryDirectory() as directory:
        requests, answers = Path(directory, "requests.json"), Path(directory, "answers.json")
        requests.write_text(json.dumps([probe.to_json() for probe in probes]), encoding="utf-8")
        command = [sys.executable, "-m", "components.serving_check.replay"]
        command += [without_patterns(model_dir), str(requests), str(answers), *compressed]
        reason = run(command, Path(directory), time_limit)
        if reason:
            return {"died": reason}
        return json.loads(answers.read_text(encoding="utf-8"))


def run(command: list[str], directory: Path, time_limit: float) -> str:
    """Runs `command`; returns "" or why it failed, naming what it printed last.

    The output goes to files in `directory`, which no amount of logging can block.
    """
    out, err = directory / "stdout", directory / "stderr"
    root = Path(components.__file__).parents[1]
    with out.open("wb") as stdout, err.open("wb") as stderr:
        try:
            done = subprocess.run(
                command, cwd=root, stdout=stdout, stderr=stderr, timeout=time_limit, check=False
            )
        except subprocess.TimeoutExpired:
            return f"no end after {time_limit:g} s, while at '{_last_line(out)}'"
    if done.returncode == 0:
        return ""
    code = done.returncode
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    return f"the process ended {how} while at '{_last_line(out)}': {_last_line(err)}"


def _last_line(file: Path) -> str:
    lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "start"
