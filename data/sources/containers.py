"""Files with many files or many rows: archives, and Parquet and Arrow tables.

The .arrow files of Hugging Face's datasets are in the stream format, those of Feather in the file
format.
"""

from __future__ import annotations

import posixpath
import shlex
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from data.base import files
from data.base.errors import DataError
from data.sources import columns

TAR = (".tar", *(f".tar{packing}" for packing in files.PACKINGS), *files.TAR_PACKINGS)
_ZIP, _OTHERS = ".zip", (".7z", ".rar")
_COMMANDS = {
    _ZIP: "python3 -m zipfile -e {path} {target}",
    **dict.fromkeys(TAR, "mkdir -p {target} && tar -xf {path} -C {target}"),
    **dict.fromkeys(_OTHERS, "7z x -o{target} {path}"),
}
ARCHIVES = tuple(_COMMANDS)


def is_archive(name: str) -> bool:
    """Whether a file's name has the ending of an archive."""
    return name.lower().endswith(ARCHIVES)


def unpacking(folder: str, name: str) -> str:
    """Returns the command that extracts an archive in `folder`, as a remedy.

    A folder in the archive, such as COCO's `train2017`, is extracted next to it; loose files are
    extracted to a folder with its name.
    """
    ending = next(ending for ending in ARCHIVES if name.lower().endswith(ending))
    path = files.join(folder, name)
    target = (posixpath.dirname(path) or ".") if _holds_folder(path) else path[: -len(ending)]
    places = {"path": path, "target": target}
    command = _COMMANDS[ending].format(**{key: shlex.quote(path) for key, path in places.items()})
    return f"Unpack it: {command}"


def _holds_folder(path: str) -> bool:
    """Whether all files in an archive, or the first one, are in a folder."""
    try:
        if path.lower().endswith(_ZIP):
            with files.opened(path) as file, zipfile.ZipFile(file) as packed:
                return all("/" in name for name in packed.namelist())
        if path.lower().endswith(TAR):
            with files.unpacked(path) as file, tarfile.open(fileobj=file, mode="r|") as tar:
                return any(
                    "/" in posixpath.normpath(one.name) or one.isdir() for one in islice(tar, 1)
                )
    except (DataError, OSError, EOFError, tarfile.TarError, zipfile.BadZipFile):
        return False
    return False


PARQUET = ".parquet"
ARROW = (".arrow", ".feather")
COLUMNAR = (PARQUET, *ARROW)
# Maximum number of rows in memory as Python objects; each may contain a picture.
_BATCH = 32
# First bytes of an Arrow file, and last bytes of a stream, which an interrupted writer lacks.
_FILE, _END = b"ARROW1", b"\xff\xff\xff\xff\0\0\0\0"
# The file that datasets writes next to the .arrow files of a set, and names of its cache files.
_STATE = "state.json"
_CACHES = ("cache-", "tmp")


def read_columns(path: str, name: str) -> Iterator[tuple[str, Any]]:
    """Yields (`name:row`, record) for each row; the first row is 1.

    Raises:
      DataError: the file is damaged.
    """
    with _opened(path) as (schema, batches):
        meant = zip(schema.names, columns.roles(tuple(schema.names)), strict=True)
        number = 0
        for batch in batches([name for name, role in meant if role != columns.IGNORED]):
            for start in range(0, batch.num_rows, _BATCH):
                for record in batch.slice(start, _BATCH).to_pylist():
                    number += 1
                    # Null means no value, like an empty cell.
                    yield (
                        f"{name}:{number}",
                        {key: value for key, value in record.items() if value is not None},
                    )


def holds_pictures(path: str) -> bool:
    """Whether a file contains pictures rather than their names; reads no row.

    Raises:
      DataError: the file is damaged, or lacks a column of pictures or their names, or of captions.
    """
    import pyarrow as pa

    with _opened(path) as (schema, _):
        pass
    if not columns.holds_captions(schema.names):
        shown = ", ".join(map(repr, schema.names[:8]))
        raise DataError(
            path, f"its columns {shown:.200} name no image or no caption", _remedy(path, schema)
        )
    name = schema.names[columns.roles(tuple(schema.names)).index("image")]
    kind = schema.field(name).type
    kind = kind.value_type if pa.types.is_list(kind) or pa.types.is_dictionary(kind) else kind
    if pa.types.is_struct(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    if any(
        is_it(kind) for is_it in (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
    ):
        return False
    raise DataError(
        path,
        f"its column {name!r} holds {kind!s:.60}, and neither encoded pictures nor their names",
        f"Write it with datasets: dataset.cast_column({name!r}, datasets.Image()).",
    )


def _remedy(path: str, schema: Any) -> str:
    roles = columns.roles(tuple(schema.names))
    address = next((name for name in schema.names if columns.is_address(name)), None)
    said = next(
        (name for name, role in zip(schema.names, roles, strict=True) if role == "caption"),
        "caption",
    )
    if "image" in roles or address is None:
        return "Call one of its columns image, and one caption."
    return columns.fetching(path, address, said)


def pictures_of(folder: str, names: Sequence[str]) -> list[str]:
    """Returns the .arrow files below a folder that belong to a data set.

    They are those that datasets lists in its state file; without one, all except its cache files.

    Args:
      folder: to which `names` are relative.
      names: of files below it.

    Raises:
      DataError: a listed file is missing.
    """
    found: list[str] = []
    states = {posixpath.dirname(name) for name in names if posixpath.basename(name) == _STATE}
    for inner in states:
        found += _in_state(folder, inner, names)
    for name in names:
        inner, base = posixpath.split(name)
        if base.lower().endswith(ARROW) and inner not in states and not base.startswith(_CACHES):
            found.append(name)
    return sorted(found, key=files.natural_key)


def _in_state(folder: str, inner: str, names: Sequence[str]) -> Iterator[str]:
    path = files.join(folder, posixpath.join(inner, _STATE))
    remedy = "Copy the folder again, or write it anew: dataset.save_to_disk(DIR)."
    listed = files.read_json(path, remedy, ["_data_files"])["_data_files"]
    for one in listed if isinstance(listed, list) else ():
        name = posixpath.join(inner, str(one.get("filename") if isinstance(one, dict) else one))
        if name not in names:
            raise DataError(path, f"it names {name}, which is not there", remedy)
        yield name


_Batches = Callable[[Sequence[str]], Iterator[Any]]


@contextmanager
def _opened(path: str) -> Iterator[tuple[Any, _Batches]]:
    """Opens a file: its schema, and a function that yields its rows in batches of some columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = "Parquet" if path.lower().endswith(PARQUET) else "Arrow"
    try:
        with files.opened(path) as file:
            files.check_pointer(path, file)
            if kind == "Parquet":
                table = pq.ParquetFile(file)
                yield (
                    table.schema_arrow,
                    lambda wanted: table.iter_batches(batch_size=_BATCH, columns=wanted),
                )
            elif file.read(len(_FILE)) == _FILE:
                stored = pa.ipc.open_file(file)
                pieces = map(stored.get_batch, range(stored.num_record_batches))
                yield stored.schema, lambda wanted: _of_columns(pieces, wanted)
            else:
                file.seek(-len(_END), 2)
                whole = file.read(len(_END)) == _END
                file.seek(0)
                stream = pa.ipc.open_stream(file)
                yield stream.schema, lambda wanted: _of_columns(stream, wanted)
                if not whole:
                    raise OSError("it has no end; its writer was stopped")
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = f"this is no whole {kind} file: {error}"
        raise DataError(path, problem, "Copy it again from where it came from.") from error


def _of_columns(batches: Iterator[Any], wanted: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa

    for batch in batches:
        yield pa.Table.from_batches([batch]).select(list(wanted))
