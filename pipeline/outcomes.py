"""What became of a model in the last run of a work directory, read from the files there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.base.errors import DataError
from data.base.files import read_json
from pipeline.work_dir import WorkDir, newest_version
from trainer.metrics.result import Metric

# Codes of an `Outcome`.
PUSHED = "pushed"
REFUSED = "refused"
FAULTY = "faulty"
GONE = "gone"
IN_USE = "in_use"
UNFINISHED = "unfinished"
NO_RUN = "no_run"


@dataclass(frozen=True)
class Outcome:
    """What became of one model.

    Attributes:
      work: the run's directory.
      model: `encoder`, `captioner` or `generator`.
      code: `pushed`; `refused` by CrossModalEvaluator; `faulty`, refused by ServingCheck; `gone`,
        blessed and no longer in the serving directory; `in_use` by a live process; `unfinished`,
        where the last run has no report; `no_run`, where the directory holds no run.
      verdict: `Verdict.to_json` of the last finished run, or an empty mapping.
      fault: the sentence of ServingCheck where it refused the model, or "".
      holder: the live process, in words, or "".
    """

    work: WorkDir
    model: str
    code: str
    verdict: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
    holder: str = ""


def outcome(work: WorkDir, model: str) -> Outcome:
    """Returns what became of `model` in the last run in `work`."""
    if holder := work.holder():
        return Outcome(work, model, IN_USE, holder=holder)
    if not traces(work):
        return Outcome(work, model, NO_RUN)
    if not is_finished(work):
        return Outcome(work, model, UNFINISHED)
    return reported(work, model)


def traces(work: WorkDir) -> list[Path]:
    """Returns the files of `work` that a run writes, whether it came to its end or not."""
    files = (work.metadata, work.settings, work.metrics, work.log)
    return [file for file in files if file.is_file()]


def is_finished(work: WorkDir) -> bool:
    """Whether the last run in `work` came to its report.

    A run writes its settings when it starts and the figures at its end, so figures that are older
    than the settings belong to the run before.
    """
    if not work.metrics.is_file():
        return False
    # Without a copy of the settings, as a dry run leaves it, the figures are all there is.
    return not work.settings.is_file() or _modified(work.metrics) >= _modified(work.settings)


def reported(work: WorkDir, model: str) -> Outcome:
    """Returns what the last finished run in `work` did with `model`, whatever came after it."""
    verdicts = {item["model"]: item for item in figures(work)["verdicts"]}
    verdict, fault = verdicts.get(model, {}), _fault(work, model)
    if not verdict.get("blessed", True):
        code = REFUSED
    elif fault:
        code = FAULTY
    else:
        code = PUSHED if newest_version(work.serving / model) else GONE
    return Outcome(work, model, code, verdict, fault)


def figures(work: WorkDir) -> dict[str, Any]:
    """Returns what `metrics.json` of the last finished run in `work` says.

    Returns:
      `metrics`, a list of Metric, and `verdicts`, a list of `Verdict.to_json`.

    Raises:
      DataError: it is damaged.
    """
    path, remedy = str(work.metrics), "Give the command of the run again: it writes the file anew."
    record = read_json(path, remedy, ("metrics", "verdicts"))
    try:
        metrics = [Metric.from_json(metric) for metric in record["metrics"]]
        verdicts = [dict(verdict) for verdict in record["verdicts"] if verdict["model"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(path, f"it is damaged ({error!r})", remedy) from None
    return {"metrics": metrics, "verdicts": verdicts}


def refused_since(work: WorkDir, model: str, version: int) -> Outcome | None:
    """Returns the outcome where the last run in `work` refused `model` after `version` was pushed.

    Versions are numbered by the second in which they were pushed. A version that is newer than the
    refusal came from a later run or a rollback, and there is nothing to say about it.
    """
    last = outcome(work, model)
    if last.code not in (REFUSED, FAULTY) or version > _modified(work.metrics):
        return None
    return last


def newest_output(work: WorkDir, output: str, name: str) -> Path | None:
    """Returns the file `name` of the last execution that wrote `output`."""
    found = (work.pipeline_root / output).glob(f"[0-9]*/{name}")
    return max(found, key=lambda path: int(path.parent.name), default=None)


def _fault(work: WorkDir, model: str) -> str:
    report = newest_output(work, f"ServingCheck.{model}/report", "report.json")
    if report is None:
        return ""
    remedy = f"Delete {report.parent}, and run again: the model is checked again."
    record = read_json(str(report), remedy, ("blessed", "sentence"))
    return "" if record["blessed"] else str(record["sentence"])


def _modified(path: Path) -> float:
    return path.stat().st_mtime
