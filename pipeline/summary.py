"""What a finished run has to say, read from its work directory alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.errors import RunError
from pipeline.tables import metric_table
from pipeline.work_dir import MODELS, WorkDir, newest_version
from trainer.metrics.result import Metric


def lines(work: WorkDir) -> list[str]:
    """Returns figures, verdicts, where report and models are, and one picture to look at.

    Raises:
      RunError: the run did not come to its report.
    """
    if not work.metrics.is_file():
        raise RunError(f"{work.root} holds no figures: its run did not finish; run it again")
    record = json.loads(work.metrics.read_text(encoding="utf-8"))
    found = metric_table(Metric.from_json(metric) for metric in record["metrics"])
    found += ["", *(_verdict(verdict) for verdict in record["verdicts"]), ""]
    found += [f"{model:<10} {_pushed(work, model)}" for model in MODELS]
    found += [f"{'report':<10} {work.report}", *_picture(work)]
    return found


def _verdict(verdict: dict[str, Any]) -> str:
    return f"{verdict['model']}: {verdict['sentence']}"


def _pushed(work: WorkDir, model: str) -> str:
    version = newest_version(work.serving / model)
    return str(version) if version else "not pushed"


def _picture(work: WorkDir) -> list[str]:
    """Returns the path of one generated picture, what it was made from and what is said of it."""
    root = work.pipeline_root / "CrossModalEvaluator" / "evaluation"
    newest = max(root.glob("[0-9]*/metrics.json"), key=_execution, default=None)
    shown = json.loads(newest.read_text(encoding="utf-8"))["generated"] if newest else []
    if newest is None or not shown:
        return []
    first = shown[0]
    said = f", described as '{first['said']}'" if first["said"] else ""
    return [
        f"{'look at':<10} {newest.parent / first['png']}",
        f"{'':<10} '{first['caption']}'{said}",
    ]


def _execution(path: Path) -> int:
    return int(path.parent.name)
