"""The nodes of the pipeline, their times and artefacts, from the local metadata database."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ml_metadata as mlmd

from components.metadata import opened, pb
from components.run_report import fingerprints
from components.run_report.report_data import ArtefactFacts, NodeTime
from data.base.plain_paths import without_patterns

SOURCE_FINGERPRINT = "input_fingerprint"


def node_times(database: str) -> tuple[NodeTime, ...]:
    """Returns the nodes of the newest run in the order in which they ran.

    A node whose result came from the cache shows the time that it took when it last ran. The node
    that is still running, such as the one that asks, is left out.

    Args:
      database: path of the SQLite file; () where there is none.
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
    # Where it has letters of patterns, nodes were given a link to it.
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
    """What each execution read, and what it made, in the order of their numbers."""
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
    fingerprint = named.string_value if named else fingerprints.of_directory(artefact.uri)
    place = artefact.uri
    for root in roots:
        place = place.removeprefix(root)
    return ArtefactFacts(artefact.type, artefact.id, place, fingerprint)


def _seconds(execution: Any) -> float:
    begun, ended = execution.create_time_since_epoch, execution.last_update_time_since_epoch
    return (ended - begun) / 1000
