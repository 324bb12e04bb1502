"""The execution of a run: nodes with times and artefacts, libraries, and the machine."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import ml_metadata as mlmd

from components.metadata import opened, pb
from components.run_report.report_data import ArtefactFacts, NodeTime
from data.base.plain_paths import without_patterns

LIBRARIES = (
    "tuwen",
    "tensorflow",
    "keras",
    "tensorflow-text",
    "tfx",
    "apache-beam",
    "numpy",
)
ENDS = 64 * 1024
SOURCE_FINGERPRINT = "input_fingerprint"


def node_times(database: str) -> tuple[NodeTime, ...]:
    """Returns the nodes of the newest run in order of execution.

    A cached node has the time of its last execution. A node that is still running, such as the
    caller, is left out.

    Args:
      database: path of the SQLite file; the result is () if there is none.
    """
    if not database or not Path(database).is_file():
        return ()
    store = opened(database)
    seconds: dict[str, float] = {}
    newest: dict[str, Any] = {}
    for context in store.get_contexts_by_type("node"):
        name = context.name.partition(".")[2] or context.name
        for execution in sorted(store.get_executions_by_context(context.id), key=lambda e: e.id):
            if execution.last_known_state == pb.Execution.COMPLETE:
                seconds[name] = _seconds(execution)
                newest[name] = execution
            elif execution.last_known_state == pb.Execution.CACHED:
                seconds.setdefault(name, _seconds(execution))
                newest[name] = execution
    read, made = _artefacts(store, [execution.id for execution in newest.values()])
    root = Path(database).absolute().parent.as_posix()
    # If it contains pattern characters, nodes were given a link to it.
    roots = (f"{root}/", f"{without_patterns(root)}/")
    return tuple(
        NodeTime(
            name,
            seconds[name],
            execution.last_known_state == pb.Execution.CACHED,
            tuple(f"{item.type} {item.id}" for item in read.get(execution.id, ())),
            tuple(_facts(item, roots) for item in made.get(execution.id, ())),
        )
        for name, execution in sorted(newest.items(), key=lambda item: item[1].id)
    )


def _artefacts(
    store: mlmd.MetadataStore, executions: Iterable[int]
) -> tuple[dict[int, list[Any]], dict[int, list[Any]]]:
    """The inputs and the outputs of each execution, ordered by number."""
    events = store.get_events_by_execution_ids(list(executions))
    known = {item.id: item for item in store.get_artifacts_by_id([e.artifact_id for e in events])}
    read: dict[int, list[Any]] = {}
    made: dict[int, list[Any]] = {}
    for event in sorted(events, key=lambda event: event.artifact_id):
        side = made if event.type == pb.Event.OUTPUT else read
        side.setdefault(event.execution_id, []).append(known[event.artifact_id])
    return read, made


def _facts(artefact: Any, roots: tuple[str, ...]) -> ArtefactFacts:
    named = artefact.custom_properties.get(SOURCE_FINGERPRINT)
    fingerprint = named.string_value if named else directory_fingerprint(artefact.uri)
    place = artefact.uri
    for root in roots:
        place = place.removeprefix(root)
    return ArtefactFacts(artefact.type, artefact.id, place, fingerprint)


def _seconds(execution: Any) -> float:
    begun, ended = execution.create_time_since_epoch, execution.last_update_time_since_epoch
    return (ended - begun) / 1000


def directory_fingerprint(directory: str) -> str:
    """Returns a hash of the names, lengths and both ends of all files, 12 hex digits; "" without
    files.

    Only the ends are read, so that a data set of many gigabytes is fast.
    """
    root = Path(directory)
    if not root.is_dir():
        return ""
    digest, found = hashlib.blake2b(digest_size=6), False
    for path in sorted(item for item in root.rglob("*") if item.is_file()):
        found = True
        size = path.stat().st_size
        digest.update(f"{path.relative_to(root).as_posix()}\n{size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(ENDS))
            file.seek(max(0, size - ENDS))
            digest.update(file.read(ENDS))
    return digest.hexdigest() if found else ""


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the installed libraries."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, str]:
    """Returns the processor, the number of cores for this process, and the memory."""
    found = {"CPU": _cpu(), "cores": str(len(os.sched_getaffinity(0)))}
    memory = _field(Path("/proc/meminfo"), "MemTotal")
    if memory:
        found["memory"] = f"{int(memory.split()[0]) / 2**20:.0f} GiB"
    found["system"] = f"{platform.system()} {platform.release()}"
    return found


def _cpu() -> str:
    return _field(Path("/proc/cpuinfo"), "model name") or platform.processor() or "unknown"


def _field(path: Path, name: str) -> str:
    """The value of the first `name : value` line, or ""."""
    if not path.is_file():
        return ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return ""
