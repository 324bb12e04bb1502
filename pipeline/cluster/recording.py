"""Metadata of a dry run in the database that a local run leaves: who made what from what."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from components.metadata import CREATE, opened, pb
from pipeline.cluster.launching import Launch

Spec = dict[str, Any]


class Recorder:
    """Writes executions, artefacts and events; for one thread."""

    def __init__(self, database: Path, pipeline: str, run: str):
        """Opens the database, and marks what a killed run left running as failed."""
        database.parent.mkdir(parents=True, exist_ok=True)
        self._store = opened(str(database), CREATE)
        self._pipeline = pipeline
        self._contexts = [self._context("pipeline", pipeline), self._context("pipeline_run", run)]
        for execution in self._store.get_executions():
            if execution.last_known_state == pb.Execution.RUNNING:
                self.failed(execution)

    def started(self, launch: Launch, node: str) -> Any:
        """Records that `node` runs; returns its execution."""
        execution = pb.Execution(
            type_id=self._store.put_execution_type(pb.ExecutionType(name=node.partition(".")[0])),
            last_known_state=pb.Execution.RUNNING,
        )
        for key, value in launch.parameters.items():
            _set(execution.custom_properties[key], value)
        events = [
            (pb.Artifact(id=int(one["name"])), _event(pb.Event.INPUT, key))
            for key, one in launch.inputs.items()
        ]
        known = [(artifact, event) for artifact, event in self._whole(events)]
        contexts = [*self._contexts, self._context("node", f"{self._pipeline}.{node}")]
        number, _, _ = self._store.put_execution(execution, known, contexts)
        (found,) = self._store.get_executions_by_id([number])
        return found

    def finished(self, execution: Any, outputs: dict[str, Spec], types: dict[str, str]) -> None:
        """Records the outputs; each gets its number as `name`.

        Args:
          execution: from `started`.
          outputs: artefacts by key.
          types: title of each one's type.
        """
        execution.last_known_state = pb.Execution.COMPLETE
        pairs = []
        for key, one in outputs.items():
            kind = pb.ArtifactType(name=types[key].partition(".")[2])
            artifact = pb.Artifact(uri=one["uri"], state=pb.Artifact.LIVE)
            artifact.type_id = self._store.put_artifact_type(kind)
            for name, value in one["metadata"].items():
                _set(artifact.custom_properties[name], value)
            pairs.append((artifact, _event(pb.Event.OUTPUT, key)))
        _, numbers, _ = self._store.put_execution(execution, pairs, [])
        for one, number in zip(outputs.values(), numbers, strict=True):
            one["name"] = str(number)

    def failed(self, execution: Any) -> None:
        """Records that an execution came to nothing."""
        execution.last_known_state = pb.Execution.FAILED
        self._store.put_executions([execution])

    def number(self, outputs: dict[str, Spec]) -> bool:
        """Gives recorded outputs their numbers as `name`; returns whether all are recorded."""
        for one in outputs.values():
            found = self._store.get_artifacts_by_uri(one["uri"])
            if not found:
                return False
            one["name"] = str(max(artifact.id for artifact in found))
        return True

    def _context(self, kind: str, name: str) -> Any:
        found = self._store.get_context_by_type_and_name(kind, name)
        if found is None:
            context = pb.Context(name=name)
            context.type_id = self._store.put_context_type(pb.ContextType(name=kind))
            (number,) = self._store.put_contexts([context])
            (found,) = self._store.get_contexts_by_id([number])
        return found

    def _whole(self, events: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Returns the events with artefacts as they are stored, or they would be written over."""
        stored = {one.id: one for one in self._store.get_artifacts_by_id([a.id for a, _ in events])}
        return [(stored[artifact.id], event) for artifact, event in events]


def new_run() -> str:
    """Returns a name for a run of now."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())


def _event(kind: Any, key: str) -> Any:
    event = pb.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event


def _set(property_value: Any, value: Any) -> None:
    """Numbers are floats, as in Kubeflow's own metadata."""
    if isinstance(value, str):
        property_value.string_value = value
    elif isinstance(value, dict):
        property_value.struct_value.update(value)
    elif isinstance(value, list):
        property_value.struct_value.update({"list": value})
    else:
        property_value.double_value = float(value)
