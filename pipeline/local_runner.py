"""Runs the pipeline in this process, one node after the other, and publishes its report."""

from __future__ import annotations

import functools
import shutil
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import ml_metadata as mlmd
from absl import logging
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.types import standard_artifacts

from components.metadata import CREATE, newest_outputs, opened
from components.run_report.executor import copy
from data.base.errors import DataError
from data.base.plain_paths import without_patterns
from data.base.tfrecords import require_whole
from pipeline.errors import RunError, UsageError, reason, speaks
from pipeline.terminal import Progress, wrapped
from pipeline.work_dir import WorkDir

Execution: Any = metadata_store_pb2.Execution  # type: ignore[attr-defined]
Event: Any = metadata_store_pb2.Event  # type: ignore[attr-defined]
OUTCOMES = {Execution.COMPLETE: "ran", Execution.CACHED: "cached"}
REPORT_NODE = "RunReport"


def run(pipeline: tfx.dsl.Pipeline, stream: TextIO | None = None) -> dict[str, str]:
    """Runs every node of `pipeline` whose result is not in the cache.

    Args:
      pipeline: with its metadata in a database that `connection_config` names.
      stream: where progress is printed; None takes standard output.

    Returns:
      `ran`, `cached` or, for a resolver, `looked up` for each node id, in the order of running.

    Raises:
      RunError: a node failed; everything that finished before it stays in the cache.
      UsageError: there are artefacts and no metadata that know of them.
      DataError: the database cannot be used.
    """
    database = Path(pipeline.metadata_connection_config.sqlite.filename_uri)
    root = Path(str(pipeline.pipeline_info.pipeline_root))
    _require_known(root, database)
    store = opened(str(database), CREATE)
    if moved := adopt(store, root):
        said = f"{moved} artefacts were moved or copied here; nodes that read them run again"
        print(said, file=stream or sys.stdout)
    close_abandoned(store, root)
    runner = _ReportingRunner(store, stream)
    arguments = sys.argv
    # TFX hands the arguments of this process to Beam, which would read ours as its own.
    sys.argv = arguments[:1]
    try:
        runner.run(pipeline)
    finally:
        sys.argv = arguments
    return runner.outcomes


def _require_known(pipeline_root: Path, database: Path) -> None:
    """Raises UsageError where executions of a new database would take the numbers of old ones.

    They name folders of artefacts, in which files of both would then lie.
    """
    if database.exists() and database.stat().st_size:
        return
    if pipeline_root.is_dir() and any(pipeline_root.iterdir()):
        raise UsageError(
            f"{pipeline_root} holds artefacts, and {database}, which knows them, is gone. Put it "
            "back, or delete that folder: trainings go on from their checkpoints"
        )


def adopt(store: mlmd.MetadataStore, pipeline_root: Path) -> int:
    """Has the artefacts of a directory that was moved or copied found where they lie now.

    Metadata hold absolute paths: those of a copy lead into the directory that it was made from.

    Returns:
      How many were not below `pipeline_root`.
    """
    artifacts = {item.id: item for item in store.get_artifacts()}
    changed = {}
    is_here = functools.cache(functools.partial(_is_same, pipeline_root))
    for event in store.get_events_by_artifact_ids(list(artifacts)):
        artifact = artifacts[event.artifact_id]
        if event.type != Event.OUTPUT:
            continue
        # <pipeline root>/<node>/<output>/<execution>, and a file in it for a plain value.
        head, number, rest = artifact.uri.rpartition(f"/{event.execution_id}")
        if not number or rest not in ("", "/value") or head.count("/") < 3:
            continue
        root, node, output = head.rsplit("/", 2)
        if not is_here(root):
            artifact.uri = f"{pipeline_root}/{node}/{output}{number}{rest}"
            changed[artifact.id] = artifact
    if changed:
        store.put_artifacts(list(changed.values()))
    return len(changed)


def _is_same(pipeline_root: Path, other: str) -> bool:
    """Whether `other` is `pipeline_root`, by this name or by another that nodes can read."""
    if other == str(pipeline_root):
        return True
    plain = without_patterns(other) == other
    return (
        plain and Path(other).is_dir() and pipeline_root.is_dir() and pipeline_root.samefile(other)
    )


def close_abandoned(store: mlmd.MetadataStore, pipeline_root: Path) -> None:
    """Marks executions of a killed run as failed and removes their unfinished outputs."""
    abandoned = [
        item for item in store.get_executions() if item.last_known_state == Execution.RUNNING
    ]
    for execution in abandoned:
        for pattern in (f"*/*/{execution.id}", f"*/.system/*/{execution.id}"):
            for path in pipeline_root.glob(pattern):
                logging.info("Removing the unfinished %s", path)
                shutil.rmtree(path, ignore_errors=True)
        execution.last_known_state = Execution.FAILED
    if abandoned:
        store.put_executions(abandoned)


class _ReportingRunner(tfx.orchestration.LocalDagRunner):
    """The local runner, called for one node at a time: all others are marked to be skipped."""

    def __init__(self, store: mlmd.MetadataStore, stream: TextIO | None):
        super().__init__()
        self._store = store
        self._stream = stream
        self.outcomes: dict[str, str] = {}

    def run_with_ir(
        self,
        pipeline: Any,
        run_options: Any = None,
    ) -> None:
        """Runs the nodes of a compiled `pipeline_pb2.Pipeline` in order."""
        del run_options
        nodes = [node.pipeline_node for node in pipeline.nodes]
        progress = Progress([node.node_info.id for node in nodes], self._stream)
        for node in nodes:
            for other in nodes:
                other.execution_options.skip.SetInParent()
            node.execution_options.ClearField("skip")
            name, start = node.node_info.id, time.monotonic()
            progress.started(name)
            try:
                # The first call puts this run's id into `pipeline`, and so into all later calls.
                super().run_with_ir(pipeline)
                outcome = self._outcome(pipeline.pipeline_info.id, node)
            except Exception as error:
                logging.exception("%s failed", name)
                progress.finished(name, "failed", time.monotonic() - start)
                why = reason(error) if speaks(error) else self._damaged(pipeline, node)
                why = why or reason(error)
                raise RunError(f"{name} stopped the run:\n{_indented(why)}") from error
            progress.finished(name, outcome, time.monotonic() - start)
            self.outcomes[name] = outcome

    def _damaged(self, pipeline: Any, node: Any) -> str | None:
        """What a person needs to know if examples that the node read are damaged.

        Beam's errors name no file.
        """
        newest = self._newest(pipeline.pipeline_info.id, node)
        events = self._store.get_events_by_execution_ids([newest.id])
        read = [event.artifact_id for event in events if event.type == Event.INPUT]
        for artifact in self._store.get_artifacts_by_id(read):
            # A split is a folder of examples or of other files, which are no records.
            if artifact.type == standard_artifacts.Examples.TYPE_NAME:
                folders = sorted(Path(artifact.uri).glob("Split-*"))
                paths = [str(path) for folder in folders for path in sorted(folder.iterdir())]
                try:
                    require_whole(paths)
                except DataError as error:
                    return str(error)
        return None

    def _newest(self, pipeline: str, node: Any) -> Any:
        """Returns the node's newest execution, or an empty one."""
        name = f"{pipeline}.{node.node_info.id}"
        context = self._store.get_context_by_type_and_name("node", name)
        executions = self._store.get_executions_by_context(context.id) if context else []
        return max(executions, key=lambda item: item.id, default=Execution())

    def _outcome(self, pipeline: str, node: Any) -> str:
        """Returns how the node's newest execution ended; TFX only logs a node that it skips."""
        newest = self._newest(pipeline, node)
        if newest.last_known_state not in OUTCOMES:
            raise RunError("its inputs could not be resolved; the log says more")
        resolver = node.node_info.type.name.endswith(".Resolver")
        return "looked up" if resolver else OUTCOMES[newest.last_known_state]


def _indented(text: str) -> str:
    """Wraps `text` for a terminal; paths stay whole."""
    return "\n".join("\n".join(wrapped(line)) for line in text.splitlines())


def publish_report(pipeline_name: str, work: WorkDir) -> None:
    """Copies the report of the newest run into its work directory.

    RunReport does so itself when it runs. When its result comes from the cache, the copies may be
    those of a run in between, with other settings or a forced blessing: what the cache gave has to
    take their place.
    """
    store = opened(str(work.metadata))
    for artifact in newest_outputs(store, pipeline_name, REPORT_NODE):
        copy(artifact.uri, str(work.root))
