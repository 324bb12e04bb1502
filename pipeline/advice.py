"""Why a model was not pushed, and the commands that help; for every command that misses one."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.cross_modal_evaluator.remedies import WORKS, is_more_training
from pipeline.outcomes import FAULTY, GONE, IN_USE, NO_RUN, REFUSED, UNFINISHED, Outcome
from pipeline.tables import wrapped
from pipeline.verdicts import failure_lines
from pipeline.work_dir import SMOKE, WorkDir, default_work_dir, is_model
from trainer.config import scaled_steps
from trainer.settings_loader import SettingsError, read_yaml

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
        option = ["--set", f"training.steps={json.dumps(scaled_steps(training['steps'], 2))}"]
        yield Way(LONGER, "To train twice as long", shlex.join([*repeat, *option]))
    elif repeat:
        option = ["--minutes", f"{2 * training['minutes']:g}"]
        yield Way(LONGER, "To train twice as long", shlex.join([*repeat, *option]))


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
