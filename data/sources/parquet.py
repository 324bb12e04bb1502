"""Parquet files: rows with the names of pictures, or with the pictures themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from data.errors import DataError
from data.sources import columns, files

PARQUET = ".parquet"
# Rows that are in memory at once; each may hold a picture.
_BATCH = 32


def read_parquet(path: str, name: str) -> Iterator[tuple[str, Any]]:
    """Yields (`name:row`, record) for each row; the first row is 1."""
    with _parquet(path) as table:
        names = table.schema_arrow.names
        meant = zip(names, columns.roles(tuple(names)), strict=True)
        wanted = [name for name, role in meant if role != columns.IGNORED]
        number = 0
        for batch in table.iter_batches(batch_size=_BATCH, columns=wanted):
            for record in batch.to_pylist():
                number += 1
                # What is null says nothing, like an empty cell.
                yield (
                    f"{name}:{number}",
                    {key: value for key, value in record.items() if value is not None},
                )


def holds_pictures(path: str) -> bool:
    """Whether the pictures of a Parquet file are in it, and not their names; opens no row.

    Raises:
      DataError: it is damaged, or has no column of pictures or none of captions.
    """
    import pyarrow as pa

    with _parquet(path) as table:
        schema = table.schema_arrow
    if not columns.holds_captions(schema.names):
        shown = ", ".join(map(repr, schema.names[:8]))
        raise DataError(
            path,
            f"its columns {shown:.200} name no image or no caption",
            "Call one of its columns image, and one caption.",
        )
    kind = schema.types[columns.roles(tuple(schema.names)).index("image")]
    return pa.types.is_struct(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


@contextmanager
def _parquet(path: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with files.opened(path) as file:
            yield pq.ParquetFile(file)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = f"this is no whole Parquet file: {error}"
        raise DataError(path, problem, "Copy it again from where it came from.") from error
