"""`tuwen rollback`: the model that was served before the current one, back in place.

Servers take the highest version, and their clients may have seen it: so nothing is deleted or
renamed under them. The earlier version is copied beside and then renamed to a new, higher number,
which a server loads as any other new version, while it still answers from the one that it has.
Then the blessing of the other model is taken back in the metadata, so that later runs no longer
compare with that model.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.base.files import read_json
from pipeline.commands.arguments import add_work
from pipeline.errors import RunError
from pipeline.model_lookup import require_run
from pipeline.work_dir import WorkDir, versions_of
from trainer.config import STAGES
from trainer.export.layout import FINGERPRINT, SIDECAR

if TYPE_CHECKING:
    import ml_metadata as mlmd

EXAMPLES = ("tuwen rollback generator", "tuwen rollback captioner --work runs/fashion64")
RECORD = SIDECAR / "rollback.json"
PUSHED = "PushedModel"
BLESSINGS = "model_blessing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument("model", choices=STAGES, help="which model")
    add_work(parser, "work directory of the run (the newest run)")


def run(arguments: argparse.Namespace) -> int:
    """Publishes the earlier model at once, then takes the blessing of the other one back.

    It waits for no run: a bad model may be served while the next one is being trained.
    """
    work = WorkDir(Path(arguments.work)) if arguments.work else require_run()
    done = roll_back(arguments.model, work)
    place = work.serving / done.model / str(done.version)
    print("".join(f"passed over {words}\n" for words in done.passed_over), end="")
    print(f"{done.model}: version {done.restored} is back as {place}", flush=True)
    pushed = done.withdrawn_push
    if withdraw(done.model, pushed, work):
        print(f"The blessing of version {pushed} is withdrawn: later runs compare with the one")
        print("before it, and those that start from the last model start from this one.")
    else:
        print(f"{work.metadata} holds no push of version {pushed}: nothing to withdraw")
    return 0


@dataclass(frozen=True)
class Rollback:
    """What a rollback did; it lies beside the model that it published.

    Attributes:
      model: `encoder`, `captioner` or `generator`.
      version: the new number of the earlier model.
      restored: the number under which it was pushed.
      withdrawn: the number of the model that it took the place of.
      withdrawn_push: the number under which that one was pushed: another where it was itself
        published by a rollback.
      made: when, in UTC.
      passed_over: earlier versions that could not come back, and why.
    """

    model: str
    version: int
    restored: int
    withdrawn: int
    withdrawn_push: int
    made: str
    passed_over: tuple[str, ...] = ()


def roll_back(model: str, work: WorkDir, now: float | None = None) -> Rollback:
    """Publishes the version before the current one again, under a higher number.

    Another rollback goes one version further back; what was withdrawn once stays so.

    Args:
      model: whose versions under `work.serving`.
      work: of the run.
      now: seconds since 1970; None takes the clock. Pushed versions are numbered by it.

    Raises:
      RunError: there is no earlier version that differs and is whole.
    """
    found = versions_of(work.serving / model)
    if not found:
        raise RunError(f"{work.serving / model}: no {model} was pushed there")
    current = max(found)
    pushes = {number: origin(path, number) for number, path in found.items()}
    bad = {one.withdrawn_push for one in map(_record, found.values()) if one}
    before = [
        number
        for number in found
        if number == pushes[number] < pushes[current] and number not in bad
    ]
    restored, passed_over = None, []
    for number in sorted(before, reverse=True):
        fault = _fault(found[number], found[current])
        if fault is None:
            restored = number
            break
        passed_over.append(f"version {number}: {fault}")
    if restored is None:
        why = "".join(f"; {words}" for words in passed_over)
        raise RunError(
            f"{work.serving / model}: there is no {model} before version {pushes[current]} to go "
            f"back to{why}"
        )
    # TensorFlow takes seconds to load; a refusal does not wait for it.
    from trainer.export.whole import publish

    moment = time.time() if now is None else now
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))

    draft = Rollback(model, 0, restored, current, pushes[current], made, tuple(passed_over))

    def record(number: int) -> dict[str, bytes]:
        text = json.dumps(asdict(replace(draft, version=number)), indent=1)
        return {str(RECORD): text.encode("utf-8")}

    number = publish(str(found[restored]), str(work.serving / model), moment, record)
    return replace(draft, version=number)


def origin(path: Path, number: int) -> int:
    """Returns the number under which the model at `path`, served as `number`, was pushed."""
    record = _record(path)
    return record.restored if record else number


def _fault(path: Path, current: Path) -> str | None:
    """Why the model at `path` cannot take the place of the `current` one, or None."""
    from trainer.export.whole import damage

    own, other = (place / FINGERPRINT for place in (path, current))
    if own.is_file() and other.is_file() and own.read_bytes() == other.read_bytes():
        return "it is the model that is served"
    return damage(path)


def _record(path: Path) -> Rollback | None:
    """What the rollback did that published the model at `path`, if one did."""
    record = path / RECORD
    if not record.is_file():
        return None
    remedy = f"Delete it; version {path.name} then counts as a push of its own."
    return Rollback(**read_json(str(record), remedy, [one.name for one in fields(Rollback)]))


def withdraw(model: str, version: int, work: WorkDir) -> bool:
    """Marks the blessing of a pushed version as withdrawn.

    The model itself and its verdict stay as they are: what was found is no less true.

    Args:
      model: `encoder`, `captioner` or `generator`.
      version: under which it was pushed.
      work: of the run.

    Returns:
      False where the metadata know of no such push.
    """
    # The client of the metadata takes seconds to start; the model is in place by now.
    from components.artifacts import WITHDRAWN
    from components.metadata import WRITE, opened
    from components.run_report.executor import PUSHED_TO

    if not work.metadata.is_file():
        return False
    store = opened(str(work.metadata), WRITE)
    kinds = {kind.name for kind in store.get_artifact_types()}
    pushes = [
        artifact.id
        for artifact in (store.get_artifacts_by_type(PUSHED) if PUSHED in kinds else ())
        if artifact.custom_properties[PUSHED_TO].string_value.endswith(f"/{model}/{version}")
    ]
    found = [blessing for push in pushes for blessing in _blessings(store, push)]
    for blessing in found:
        blessing.custom_properties[WITHDRAWN].int_value = 1
    if found:
        store.put_artifacts(found)
    return bool(found)


def _blessings(store: mlmd.MetadataStore, push: int) -> list[Any]:
    """The blessings that the execution read which made the artefact `push`."""
    from components.metadata import pb

    about = store.get_events_by_artifact_ids([push])
    makers = [event.execution_id for event in about if event.type == pb.Event.OUTPUT]
    events = store.get_events_by_execution_ids(makers)
    read = [
        event.artifact_id
        for event in events
        if event.type == pb.Event.INPUT and any(step.key == BLESSINGS for step in event.path.steps)
    ]
    return list(store.get_artifacts_by_id(read))
