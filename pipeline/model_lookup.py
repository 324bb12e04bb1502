"""Where commands find models and runs when nothing, or only a directory, is named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.outcomes import NO_RUN, Outcome, explained, in_short, outcome, refused_since, traces
from pipeline.work_dir import (
    JUDGE_NODE,
    MODELS,
    RUNS,
    SMOKE,
    WorkDir,
    entries,
    is_model,
    newest_version,
)

FIRST_STEP = "Make one with 'tuwen run demo'"


class ModelNotFound(UsageError):
    """A model that is not there, with what became of it in the runs that could have pushed it.

    Attributes:
      outcomes: of the run that was asked; none where there is no run at all.
    """

    def __init__(self, what: str, outcomes: Iterable[Outcome], others: Iterable[Outcome] = ()):
        """Keeps the facts; the message is made when it is shown, because it reads the metadata.

        Args:
          what: the first line of the message.
          outcomes: explained in full, with the ways on.
          others: of further runs, a line each.
        """
        super().__init__(what)
        self.outcomes = tuple(outcomes)
        self._what = what
        self._others = tuple(others)

    def __str__(self) -> str:
        others = [f"  Also: {in_short(other)}." for other in self._others]
        return "\n".join([self._what, *explained(self.outcomes), *others])


def find_model(model: str, given: str | None = None) -> Path:
    """Returns the SavedModel directory that a command shall use.

    Args:
      model: one of `MODELS`.
      given: a SavedModel, a directory of versions, a `serving` directory or a work directory;
        None takes the last pushed model of the newest run under `runs/`.

    Raises:
      UsageError: there is none; the message says why, and how to get one.
    """
    if given is None:
        return _last_pushed(model)
    base = Path(given)
    if not base.is_dir():
        raise UsageError(f"--model {given}: no such directory")
    if is_model(base):
        return base
    for place in (base, base / model, base / "serving" / model):
        if found := newest_version(place):
            return found
    for place in (base / model, base / "models" / model):
        if is_model(place):
            return place
    if traces(WorkDir(base)):
        last = outcome(WorkDir(base), model)
        raise ModelNotFound(f"--model {given}: holds no pushed {model}", [last])
    raise UsageError(
        f"--model {given}: holds no {model}. Give a SavedModel, its directory of versions, "
        "or the work directory of a run"
    )


def find_judge(run: WorkDir) -> Path | None:
    """Returns the encoder that a run trained to judge by, if it did."""
    trained = run.trained(JUDGE_NODE)
    return trained[max(trained)] if trained else None


def newest_run() -> WorkDir | None:
    """Returns the run under `runs/` that was written to last; smoke runs only without others."""
    runs = [work for work in _work_dirs() if _is_run(work)]
    return max(runs, key=_age, default=None)


def require_run() -> WorkDir:
    """Returns `newest_run`.

    Raises:
      UsageError: there is none; the message says what there is in its place.
    """
    found = newest_run()
    if found is None:
        raise _not_found(f"there is no run under {RUNS}/ yet", MODELS)
    return found


def newer_refusal(model: str, version: Path, given: str | None = None) -> Outcome | None:
    """Returns what the last run did with `model` if it refused it after `version` was pushed.

    Args:
      model: one of `MODELS`.
      version: what `find_model` found.
      given: what `find_model` was given.
    """
    run = WorkDir(Path(given)) if given else newest_run()
    if run is None or not version.name.isdecimal():
        return None
    return refused_since(run, model, int(version.name))


def _last_pushed(model: str) -> Path:
    found = [
        (_is_real(work), int(version.name), version)
        for work in _work_dirs()
        if (version := newest_version(work.serving / model))
    ]
    if not found:
        raise _not_found(f"no pushed {model} under {RUNS}/", [model])
    return max(found)[2]


def _not_found(what: str, models: Sequence[str]) -> UsageError:
    """Returns the error for the work directories there are: the newest in full, a line for others.

    A directory counts where a run, or a model that `tuwen train` exported, is in it.
    """
    known = [
        work
        for work in sorted(_work_dirs(), key=_age, reverse=True)
        if traces(work) or any(is_model(work.models / model) for model in models)
    ]
    if not known:
        return UsageError(f"{what}. {FIRST_STEP}, or name a directory that holds one")
    newest = [outcome(known[0], model) for model in models]
    others = [outcome(work, models[0]) for work in known[1:]]
    return ModelNotFound(what, newest, [other for other in others if other.code != NO_RUN])


def _work_dirs() -> list[WorkDir]:
    return [WorkDir(item) for item in entries(RUNS) if item.is_dir()]


def _is_run(work: WorkDir) -> bool:
    """Whether the run came to its first node; a dry run leaves no metadata, only its figures."""
    return work.metadata.is_file() or work.metrics.is_file()


def _age(work: WorkDir) -> tuple[bool, float]:
    """Returns what sorts the runs, the newest last and all smoke runs before the others."""
    files = [file for file in (work.metadata, work.metrics) if file.is_file()] or traces(work)
    return _is_real(work), max((file.stat().st_mtime for file in files), default=0.0)


def _is_real(work: WorkDir) -> bool:
    return not work.root.name.endswith(SMOKE)
