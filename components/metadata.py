"""Opens the SQLite file in which a local run keeps its metadata."""

from __future__ import annotations

from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

# Generated code whose names no type checker sees.
pb: Any = metadata_store_pb2

READ, WRITE, CREATE = "READONLY", "READWRITE", "READWRITE_OPENCREATE"


def opened(database: str, mode: str = READ) -> mlmd.MetadataStore:
    """Returns the store in the file `database`; only with `CREATE` may it be missing."""
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = database
    config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.ConnectionMode.Value(mode)
    return mlmd.MetadataStore(config)


def newest_outputs(store: mlmd.MetadataStore, pipeline: str, node: str) -> list[Any]:
    """Returns the artefacts of the node's newest execution that ran to its end or was cached."""
    done = (pb.Execution.COMPLETE, pb.Execution.CACHED)
    context = store.get_context_by_type_and_name("node", f"{pipeline}.{node}")
    executions = [
        execution
        for execution in (store.get_executions_by_context(context.id) if context else [])
        if execution.last_known_state in done
    ]
    if not executions:
        return []
    newest = max(executions, key=lambda execution: execution.id)
    events = store.get_events_by_execution_ids([newest.id])
    outputs = [event.artifact_id for event in events if event.type == pb.Event.OUTPUT]
    return list(store.get_artifacts_by_id(outputs))
