"""How long each node of the pipeline took, from the local metadata database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from components.run_report.report_data import NodeTime

# Generated code whose names no type checker sees.
pb: Any = metadata_store_pb2


def node_times(database: str) -> tuple[NodeTime, ...]:
    """Returns the nodes of the newest run in the order in which they ran.

    A node whose result came from the cache shows the time that it took when it last ran. The node
    that is still running, such as the one that asks, is left out.

    Args:
      database: path of the SQLite file; () where there is none.
    """
    if not database or not Path(database).is_file():
        return ()
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = database
    config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READONLY
    store = mlmd.MetadataStore(config)
    ran: dict[str, NodeTime] = {}
    newest: dict[str, NodeTime] = {}
    for context in store.get_contexts_by_type("node"):
        name = context.name.partition(".")[2] or context.name
        for execution in sorted(store.get_executions_by_context(context.id), key=lambda e: e.id):
            seconds = _seconds(execution)
            if execution.last_known_state == pb.Execution.COMPLETE:
                ran[name] = newest[name] = NodeTime(name, seconds)
            elif execution.last_known_state == pb.Execution.CACHED:
                before = ran.get(name, NodeTime(name, seconds))
                newest[name] = NodeTime(name, before.seconds, cached=True)
    return tuple(newest.values())


def _seconds(execution: Any) -> float:
    begun, ended = execution.create_time_since_epoch, execution.last_update_time_since_epoch
    return (ended - begun) / 1000
