"""What became of the last run in a work directory: of each model, why, and what helps.

All of it is read from the files there. The words are for a terminal.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.cross_modal_evaluator.thresholds import WORKS, is_more_training
from data.base.errors import DataError
from data.base.files import read_json
from pipeline.errors import RunError
from pipeline.terminal import failure_lines, metric_table, verdict_lines, wrapped
from pipeline.work_dir import MODELS, SMOKE, WorkDir, default_work_dir, is_model, newest_version
from trainer.metrics.result import Metric
from trainer.settings_loader import SettingsError, read_yaml

# Codes of an `Outcome`.
PUSHED = "pushed"
REFUSED = "refused"
FAULTY = "faulty"
GONE = "gone"
IN_USE = "in_use"
UNFINISHED = "unfinished"
NO_RUN = "no_run"
# Codes of a `Way`.
USE, EXPORTED, LONGER, NO_SMOKE, FORCE, RESUME = (
    "use",
    "exported",
    "longer",
    "no_smoke",
    "force",
    "resume",
)
# The encoder has no command of its own.
_VERBS = {"generator": ("generate", "TEXT"), "captioner": ("caption", "IMAGE")}


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


@dataclass(frozen=True)
class Way:
    """One thing to do about a model that is not pushed.

    Attributes:
      code: `use` the trained model as it is, or the `exported` one of `tuwen train`; train
        `longer`; leave out `--smoke` (`no_smoke`); bless by `force`; `resume` the run.
      purpose: what it is for, in words.
      command: a line to copy, or "" where the purpose says all.
    """

    code: str
    purpose: str
    command: str = ""


def explained(outcomes: Iterable[Outcome]) -> list[str]:
    """Returns what became of the models, why, and the ways on, as lines for a terminal."""
    outcomes = list(outcomes)
    # What holds for the whole directory is the same for each of its models.
    parts = dict.fromkeys(tuple(_part(item)) for item in outcomes)
    return [line for part in parts for line in part] + way_lines(outcomes)


def in_short(outcome: Outcome) -> str:
    """Returns the same in half a sentence, with the command that says more."""
    more = f" ('tuwen report {shlex.quote(str(outcome.work.root))}' says why)"
    return _headline(outcome) + (more if outcome.code in (REFUSED, FAULTY) else "")


def missing(model: str, outcome: Outcome | None = None) -> str:
    """Returns half a sentence about a model that is not there, with what is known of it."""
    known = outcome is not None and outcome.code in (REFUSED, FAULTY, GONE, IN_USE, UNFINISHED)
    return f"there is no {model}" + (f": {in_short(outcome)}" if outcome and known else "")


def earlier_answers(refusal: Outcome) -> str:
    """Returns the note that the model in use is older than the last run's."""
    return f"note: {in_short(refusal)}; an earlier version answers"


def way_lines(outcomes: Iterable[Outcome]) -> list[str]:
    """Returns `ways` as lines for a terminal; commands stay whole, so that they can be copied."""
    lines = []
    for way in ways(outcomes):
        end = ":" if way.command else "."
        lines += wrapped(way.purpose + end)
        lines += [f"    {way.command}"] if way.command else []
    return lines


def ways(outcomes: Iterable[Outcome]) -> list[Way]:
    """Returns what can be done, each thing once: for single models, then for their runs."""
    outcomes = list(outcomes)
    by_run: dict[WorkDir, list[Outcome]] = {}
    for item in outcomes:
        by_run.setdefault(item.work, []).append(item)
    found = [way for item in outcomes for way in _of_model(item)]
    found += [way for work, items in by_run.items() for way in _of_run(work, items)]
    return list(dict.fromkeys(found))


def _part(outcome: Outcome) -> list[str]:
    headline = _headline(outcome)
    lines = wrapped(f"{headline[0].upper()}{headline[1:]}.")
    if outcome.code == REFUSED:
        return lines + failure_lines(outcome.verdict)
    if outcome.code == FAULTY:
        return lines + wrapped(outcome.fault)
    if outcome.code == UNFINISHED and outcome.work.log.is_file():
        return [*lines, f"  Its log: {outcome.work.log}"]
    return lines


def _headline(outcome: Outcome) -> str:
    root, model = outcome.work.root, outcome.model
    return {
        REFUSED: f"the last run in {root} refused its {model}",
        FAULTY: f"the last run in {root} did not push its {model}, which failed ServingCheck",
        GONE: f"the last run in {root} blessed its {model}, but {outcome.work.serving / model} "
        "holds no version of it",
        IN_USE: f"the directory {root} is in use by {outcome.holder}",
        UNFINISHED: f"the last run in {root} did not finish",
        NO_RUN: f"the directory {root} holds no run of the pipeline",
    }.get(outcome.code, f"the directory {root} holds a pushed {model}")


def _of_model(outcome: Outcome) -> Iterator[Way]:
    model, work = outcome.model, outcome.work
    usable = outcome.code in (REFUSED, GONE) and not _is_broken(outcome)
    if usable and (path := judged_model(work, model)):
        yield from _use(USE, f"To use the {model} as it is", model, path)
    if is_model(work.models / model):
        yield from _use(
            EXPORTED, f"To use the {model} that 'tuwen train' exported", model, work.root
        )


def _use(code: str, purpose: str, model: str, path: Path) -> Iterator[Way]:
    if model in _VERBS:
        verb, what = _VERBS[model]
        yield Way(code, purpose, shlex.join(["tuwen", verb, what, "--model", str(path)]))


def _of_run(work: WorkDir, outcomes: Sequence[Outcome]) -> Iterator[Way]:
    settings = _settings(work)
    if not settings:
        return
    repeat = _repeat(work, settings)
    refused = [item for item in outcomes if item.code == REFUSED]
    if refused and all(map(_wants_training, refused)):
        yield from _longer(work, settings, repeat)
    if repeat and any(not item.fault and not _is_broken(item) for item in refused):
        yield Way(
            FORCE,
            "To push the refused models against the verdict",
            shlex.join([*repeat, "--force-bless", "YOUR REASON"]),
        )
    if repeat and any(item.code == UNFINISHED for item in outcomes):
        yield Way(
            RESUME,
            "To go on from where it stopped, when the cause is removed",
            shlex.join(repeat),
        )


def _longer(work: WorkDir, settings: Mapping[str, Any], repeat: list[str]) -> Iterator[Way]:
    training = settings["training"]
    if settings["name"].endswith(SMOKE):
        yield Way(
            NO_SMOKE,
            "A smoke run only trains for seconds: run the config without --smoke",
        )
    elif repeat and training["steps"]:
        option = ["--set", f"training.steps={_doubled(training['steps'])}"]
        yield Way(LONGER, "To train twice as long", shlex.join([*repeat, *option]))
    elif repeat:
        option = ["--minutes", f"{2 * training['minutes']:g}"]
        yield Way(LONGER, "To train twice as long", shlex.join([*repeat, *option]))


def _doubled(steps: int | Mapping[str, int]) -> str:
    if isinstance(steps, Mapping):
        return json.dumps({stage: 2 * value for stage, value in steps.items()})
    return str(2 * steps)


def _repeat(work: WorkDir, settings: Mapping[str, Any]) -> list[str]:
    """Returns the command that repeats the last run in `work`, or nothing where there is none.

    The copy of the settings holds all that the first command asked for, except that a pretraining
    was a smoke run.
    """
    if settings["pretrain"] and settings["name"].endswith(SMOKE):
        return []
    command = ["tuwen", "run", str(work.settings)]
    default = default_work_dir(settings["name"]).root == work.root
    return command if default else [*command, "--work", str(work.root)]


def _settings(work: WorkDir) -> dict[str, Any]:
    if not work.settings.is_file():
        return {}
    settings = read_yaml(work.settings)
    if not isinstance(settings, dict) or "name" not in settings:
        raise SettingsError(f"{work.settings}: these are no settings. Run the config again")
    return settings


def _failed(outcome: Outcome) -> list[Mapping[str, Any]]:
    return [check for check in outcome.verdict.get("checks", ()) if not check["passed"]]


def _is_broken(outcome: Outcome) -> bool:
    """Whether the model does not load or answer, so that nobody can use it as it is."""
    return any(check["rule"] == WORKS for check in _failed(outcome))


def _wants_training(outcome: Outcome) -> bool:
    """Whether longer training is a remedy of every failed check: copies want less of it."""
    remedies = [check.get("remedy", "") for check in _failed(outcome)]
    return bool(remedies) and all(map(is_more_training, remedies))


def judged_model(work: WorkDir, model: str) -> Path | None:
    """Returns the SavedModel that the last finished run in `work` trained, or took from the cache.

    Of several trained models the newest need not be the one: a run that repeats earlier settings
    takes its model from the cache. The metadata tell them apart.
    """
    node = f"Trainer.{model}"
    trained = work.trained(node)
    if len(trained) > 1 and work.metadata.is_file():
        # The client of the metadata takes a second to start.
        from components.metadata import newest_outputs, opened

        outputs = newest_outputs(opened(str(work.metadata)), _settings(work)["name"], node)
        known = [Path(artifact.uri).name for artifact in outputs]
        trained = {number: path for number, path in trained.items() if str(number) in known}
    return trained[max(trained)] if trained else None


def summary_lines(work: WorkDir) -> list[str]:
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
    summary_lines = [f"{item.model:<10} {version or 'not pushed'}{earlier}"]
    return summary_lines + wrapped(item.fault, " " * 11, " " * 11)


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
