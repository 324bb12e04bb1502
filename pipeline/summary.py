"""What a finished run has to say, read from its work directory alone."""

from __future__ import annotations

from data.base.files import read_json
from pipeline.advice import way_lines
from pipeline.errors import RunError
from pipeline.outcomes import PUSHED, Outcome, figures, is_finished, newest_output, reported
from pipeline.tables import metric_table, wrapped
from pipeline.verdicts import verdict_lines
from pipeline.work_dir import MODELS, WorkDir, newest_version


def lines(work: WorkDir) -> list[str]:
    """Returns figures, verdicts, where report and models are, and one picture to look at.

    Raises:
      RunError: the run did not come to its report.
    """
    if not work.metrics.is_file():
        raise RunError(f"{work.root} holds no figures: its run did not finish; run it again")
    record = figures(work)
    found = metric_table(record["metrics"])
    for verdict in record["verdicts"]:
        found += ["", *verdict_lines(verdict)]
    found.append("")
    outcomes = [reported(work, model) for model in MODELS]
    for item in outcomes:
        found += _pushed(item)
    found += [f"{'report':<10} {work.report}", *_picture(work)]
    if advice := way_lines(outcomes):
        found += ["", *advice]
    if not is_finished(work):
        found += ["", f"The last run in {work.root} did not finish: this is the one before it."]
    return found


def _pushed(item: Outcome) -> list[str]:
    """Returns where the newest pushed version is, and why it is not this run's if it is not."""
    version = newest_version(item.work.serving / item.model)
    earlier = ", of an earlier run" if version and item.code != PUSHED else ""
    lines = [f"{item.model:<10} {version or 'not pushed'}{earlier}"]
    return lines + wrapped(item.fault, " " * 11, " " * 11)


def _picture(work: WorkDir) -> list[str]:
    """Returns the path of one generated picture, what it was made from and what is said of it."""
    newest = newest_output(work, "CrossModalEvaluator/evaluation", "metrics.json")
    if newest is None:
        return []
    remedy = f"Delete {newest.parent}, and run again: the models are judged again."
    shown = read_json(str(newest), remedy, ["generated"])["generated"]
    if not shown:
        return []
    first = shown[0]
    said = f", described as '{first['said']}'" if first["said"] else ""
    return [
        f"{'look at':<10} {newest.parent / first['png']}",
        f"{'':<10} '{first['caption']}'{said}",
    ]
