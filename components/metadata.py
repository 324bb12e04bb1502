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
