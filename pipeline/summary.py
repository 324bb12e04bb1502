"""What a finished run has to say, read from its work directory alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.errors import RunError
from pipeline.tables import metric_table, wrapped
from pipeline.verdicts import verdict_lines
from pipeline.work_dir import MODELS, WorkDir, newest_version
from trainer.metrics.result import Metric


def lines(work: WorkDir) -> list[str]:
    """Returns figures, verdicts, where report and models are, and one picture to look at.

    Raises:
      RunError: the run did not come to its report.
    """
    if not work.metrics.is_file():
        raise RunError(f"{work.root} holds no figures: its run did not finish; run it again")
    record = _read(work.metrics)
    found = metric_table(Metric.from_json(metric) for metric in record["metrics"])
    for verdict in record["verdicts"]:
        found += ["", *verdict_lines(verdict)]
    found.append("")
    refused = {item["model"] for item in record["verdicts"] if not item.get("blessed", True)}
    for model in MODELS:
        found += _pushed(work, model, model in refused)
    found += [f"{'report':<10} {work.report}", *_picture(work)]
    return found


def _pushed(work: WorkDir, model: str, refused: bool) -> list[str]:
    """Returns where the newest pushed version is, and why it is not this run's if it is not."""
    version = newest_version(work.serving / model)
    check = _newest(work, f"ServingCheck.{model}/report", "report.json")
    faulty = check is not None and not _read(check)["blessed"]
    earlier = ", of an earlier run" if version and (refused or faulty) else ""
    lines = [f"{model:<10} {version or 'not pushed'}{earlier}"]
    if check is not None and faulty:
        lines += wrapped(_read(check)["sentence"], " " * 11, " " * 11)
    return lines


def _picture(work: WorkDir) -> list[str]:
    """Returns the path of one generated picture, what it was made from and what is said of it."""
    newest = _newest(work, "CrossModalEvaluator/evaluation", "metrics.json")
    shown = _read(newest)["generated"] if newest else []
    if newest is None or not shown:
        return []
    first = shown[0]
    said = f", described as '{first['said']}'" if first["said"] else ""
    return [
        f"{'look at':<10} {newest.parent / first['png']}",
        f"{'':<10} '{first['caption']}'{said}",
    ]


def _newest(work: WorkDir, output: str, name: str) -> Path | None:
    """Returns the file `name` of the last execution that wrote `output`."""
    found = (work.pipeline_root / output).glob(f"[0-9]*/{name}")
    return max(found, key=lambda path: int(path.parent.name), default=None)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
