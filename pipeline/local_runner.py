"""Runs the pipeline in this process, one node after the other, and says how it goes."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import ml_metadata as mlmd
from absl import logging
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx

from pipeline.errors import RunError
from pipeline.progress import Progress
from pipeline.reasons import reason
from pipeline.tables import wrapped

Execution: Any = metadata_store_pb2.Execution  # type: ignore[attr-defined]
OUTCOMES = {Execution.COMPLETE: "ran", Execution.CACHED: "cached"}


def run(pipeline: tfx.dsl.Pipeline, stream: TextIO | None = None) -> dict[str, str]:
    """Runs every node of `pipeline` whose result is not in the cache.

    Args:
      pipeline: with its metadata in a database that `connection_config` names.
      stream: where progress is printed; None takes standard output.

    Returns:
      `ran`, `cached` or, for a resolver, `looked up` for each node id, in the order of running.

    Raises:
      RunError: a node failed; everything that finished before it stays in the cache.
    """
    store = mlmd.MetadataStore(pipeline.metadata_connection_config)
    close_abandoned(store, Path(str(pipeline.pipeline_info.pipeline_root)))
    runner = _ReportingRunner(store, stream)
    arguments = sys.argv
    # TFX hands the arguments of this process to Beam, which would read ours as its own.
    sys.argv = arguments[:1]
    try:
        runner.run(pipeline)
    finally:
        sys.argv = arguments
    return runner.outcomes


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
                raise RunError(f"{name} stopped the run:\n{_indented(reason(error))}") from error
            progress.finished(name, outcome, time.monotonic() - start)
            self.outcomes[name] = outcome

    def _outcome(self, pipeline: str, node: Any) -> str:
        """Returns how the node's newest execution ended; TFX only logs a node that it skips."""
        name = f"{pipeline}.{node.node_info.id}"
        context = self._store.get_context_by_type_and_name("node", name)
        executions = self._store.get_executions_by_context(context.id) if context else []
        newest = max(executions, key=lambda item: item.id, default=Execution())
        if newest.last_known_state not in OUTCOMES:
            raise RunError("its inputs could not be resolved; the log says more")
        resolver = node.node_info.type.name.endswith(".Resolver")
        return "looked up" if resolver else OUTCOMES[newest.last_known_state]


def _indented(text: str) -> str:
    """Wraps `text` for a terminal; paths stay whole."""
    return "\n".join("\n".join(wrapped(line)) for line in text.splitlines())
