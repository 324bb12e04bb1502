"""Opens the SQLite file with the metadata of local runs."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from data.base.errors import DataError

# Generated code; type checkers do not see its names.
pb: Any = metadata_store_pb2

READ, WRITE, CREATE = "READONLY", "READWRITE", "READWRITE_OPENCREATE"
_PATIENCE = 3.0
_DAMAGED = (
    "Put a copy of it back, or delete it together with pipeline_root beside it: all nodes then run "
    "again, trainings go on from their checkpoints, and no earlier model is compared with"
)


def opened(database: str, mode: str = READ) -> mlmd.MetadataStore:
    """Returns the store in the file `database`, which must exist unless `mode` is `CREATE`.

    Raises:
      DataError: the file is damaged, locked by another process, or cannot be written.
    """
    require_usable(Path(database), mode)
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = database
    config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.ConnectionMode.Value(mode)
    try:
        return mlmd.MetadataStore(config)
    except mlmd.errors.StatusError as error:
        # For example, the schema of a later release.
        raise DataError(database, str(error).splitlines()[0], _DAMAGED) from error


def require_usable(database: Path, mode: str = READ) -> None:
    """Checks the file with SQLite, because errors of the metadata library name no file.

    Raises:
      DataError: see `opened`.
    """
    if not database.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=_PATIENCE)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                words = " ".join(verdict.split())
                raise DataError(str(database), f"it is damaged ({words})", _DAMAGED)
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if names and "MLMDEnv" not in names:
                raise DataError(str(database), "it is no metadata of a pipeline", _DAMAGED)
            if mode != READ:
                connection.execute("BEGIN IMMEDIATE")
                connection.rollback()
    except sqlite3.DatabaseError as error:
        raise DataError(str(database), *_in_words(error)) from None


def _in_words(error: sqlite3.DatabaseError) -> tuple[str, str]:
    """The problem and its remedy."""
    said = str(error)
    if "locked" in said:
        return "another process has locked it", "End that process, or wait for it, and run again"
    if isinstance(error, sqlite3.OperationalError):
        return said, "Let this user read and write it and its folder"
    return f"it is damaged ({said})", _DAMAGED


def newest_outputs(store: mlmd.MetadataStore, pipeline: str, node: str) -> list[Any]:
    """Returns the artefacts of the node's newest execution that completed or was cached."""
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
