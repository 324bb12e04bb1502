"""Runs a compiled pipeline on this machine: each container's command in a process of its own.

A node writes under another name and is renamed into a place named by its input fingerprint, so what
is in place is whole, and a second run takes it. Who made what from what is recorded in the database
that a local run leaves too. Needs no TFX itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TextIO

from components.metadata import CREATE, opened, pb
from pipeline.cluster.launching import Launch, Produced, prepare
from pipeline.cluster.spec import behind, order, tasks
from pipeline.errors import RunError
from pipeline.terminal import Progress

Spec = dict[str, Any]
RAN, KEPT, FAILED = "ran", "kept", "failed"
PACKAGE_ROOT = Path(__file__).parents[2]
_PATIENCE = 20.0
_TAIL = 8


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


class DryRun:
    """One run; `run` may be called once."""

    def __init__(self, spec: Any, values: dict[str, Any], work: Path, stream: TextIO | None = None):
        """Prepares a run.

        Args:
          spec: the PipelineSpec, sound.
          values: of the pipeline's parameters.
          work: directory of artefacts, logs and metadata.
          stream: where progress is printed; None takes standard output.
        """
        self._spec, self._values = spec, values
        self._root = work / "pipeline_root"
        self._logs = work / "logs"
        self._recorder = Recorder(work / "metadata.db", spec["pipelineInfo"]["name"], new_run())
        self._progress = Progress(order(spec), stream)
        self._behind = behind(spec)
        self._produced: Produced = {}
        self._processes: list[subprocess.Popen] = []

    def run(self, parallel: int) -> dict[str, str]:
        """Runs every task that has no equal finished execution, `parallel` of them at a time.

        Returns:
          `ran` or `kept` by task, in the order of finishing.

        Raises:
          RunError: a task failed; the message names it and its log. Tasks that were running beside
            it are ended, what had finished is kept.
        """
        graph = TopologicalSorter(
            {name: task.get("dependentTasks", []) for name, task in tasks(self._spec).items()}
        )
        graph.prepare()
        running: dict[Future, _Running] = {}
        with ThreadPoolExecutor(parallel) as pool, self._ending_processes():
            waiting: list[str] = []
            while graph.is_active():
                waiting = self._in_order([*waiting, *graph.get_ready()])
                while waiting and len(running) < parallel:
                    name = waiting.pop(0)
                    begun = self._begin(name)
                    if begun is None:
                        graph.done(name)
                        waiting = self._in_order([*waiting, *graph.get_ready()])
                    else:
                        running[pool.submit(begun.process.wait)] = begun
                if running:
                    wait(running, return_when=FIRST_COMPLETED)
                    for name in self._end_finished(running):
                        graph.done(name)
        return self._progress.outcomes

    def _in_order(self, names: list[str]) -> list[str]:
        """Returns first what most others wait for."""
        return sorted(names, key=lambda name: (-len(self._behind[name]), name))

    def _begin(self, name: str) -> _Running | None:
        """Returns a task that has to run, or None for one that was kept."""
        launch = prepare(self._spec, name, self._values, self._produced, self._root)
        kept = launch.kept()
        if kept is not None:
            if not self._recorder.number(kept):
                # Killed between the outputs' rename and their record.
                execution = self._recorder.started(launch, node_name(launch))
                self._recorder.finished(execution, kept, launch.outputs)
            self._produced[name] = kept
            self._progress.finished(name, KEPT, 0.0)
            return None
        launch.begin()
        self._progress.started(name)
        execution = self._recorder.started(launch, node_name(launch))
        return _Running(launch, execution, self._start(launch))

    def _start(self, launch: Launch) -> subprocess.Popen:
        """Starts the container's command."""
        self._logs.mkdir(parents=True, exist_ok=True)
        with open(self._log(launch.task), "w", encoding="utf-8") as log:
            process = subprocess.Popen(
                launch.command(),
                env=environment(launch.container),
                cwd=launch.draft,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)
        return process

    def _end_finished(self, running: dict[Future, _Running]) -> list[str]:
        """Returns the tasks that have finished; their outputs are kept even if another failed."""
        names, failure = [], None
        for future in [one for one in running if one.done()]:
            begun = running.pop(future)
            try:
                self._end(begun, future.result())
                names.append(begun.launch.task)
            except RunError as error:
                failure = failure or error
        if failure is not None:
            for begun in running.values():
                self._recorder.failed(begun.execution)
            raise failure
        return names

    def _end(self, begun: _Running, status: int) -> None:
        name, seconds = begun.launch.task, time.monotonic() - begun.since
        try:
            if status:
                raise RunError(_why(status, self._log(name)))
            outputs = begun.launch.publish()
        except RunError as error:
            self._recorder.failed(begun.execution)
            self._progress.finished(name, FAILED, seconds)
            raise RunError(
                f"{name} stopped the run: {error}\nIts log: {self._log(name)}\n"
                "The same command goes on from here."
            ) from None
        self._recorder.finished(begun.execution, outputs, begun.launch.outputs)
        self._produced[name] = outputs
        self._progress.finished(name, RAN, seconds)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    @contextlib.contextmanager
    def _ending_processes(self) -> Iterator[None]:
        """Ends what still runs when the run stops; a process that does not listen is killed."""
        try:
            yield
        finally:
            alive = [one for one in self._processes if one.poll() is None]
            for process in alive:
                process.terminate()
            until = time.monotonic() + _PATIENCE
            for process in alive:
                try:
                    process.wait(max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()


class _Running:
    """A task that was started."""

    def __init__(self, launch: Launch, execution: Any, process: subprocess.Popen):
        self.launch = launch
        self.execution = execution
        self.process = process
        self.since = time.monotonic()


def node_name(launch: Launch) -> str:
    """Returns the node's name in the TFX pipeline, or the task's where the container has none."""
    words = launch.container.get("args", [])
    return words[words.index("--node") + 1] if "--node" in words else launch.task


def environment(container: Any) -> dict[str, str]:
    """Returns a container's variables on this machine: its `python` is the one that runs now."""
    binaries = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join(
            filter(None, (str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")))
        ),
        "PYTHONUNBUFFERED": "1",
        **{one["name"]: one["value"] for one in container.get("env", [])},
    }


def _why(status: int, log: Path) -> str:
    if status < 0:
        return f"it was killed by {signal.Signals(-status).name}"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return f"it ended with status {status}:\n" + "\n".join(f"  {line}" for line in lines[-_TAIL:])
