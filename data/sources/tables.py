"""The caption files of a folder, read line by line: JSONL, CSV and TSV.

Every line that is not blank comes out once: in a record with its place, or in a reject.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from data.errors import DataError
from data.sources import files
from data.sources.records import ALIASES
from data.sources.rows import Reject

Place = tuple[str, Any]

COLUMNS = (
    "image",
    "caption",
    "caption1, caption2, ...",
    "captions",
    "language",
    "attributes",
    "split",
)

# The first bytes of UTF-16, as `_decoded` gives them.
_UTF_16 = ("\udcff\udcfe", "\udcfe\udcff")
_COLUMN = re.compile(r"image|caption\d*|captions|language|attributes|split")
# A quoted cell may hold line breaks; more than this many are a quote that was never closed.
_LONGEST_RECORD = 50


def read_jsonl(path: str, name: str) -> Iterator[Place | Reject]:
    """Yields (`name:line`, decoded value) for each line, or a Reject."""
    for number, line in enumerate(files.lines(path), start=1):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        try:
            yield where, json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield Reject.of(where, "", "invalid_utf8", f"byte {error.start + 1} is not UTF-8")
        except (ValueError, RecursionError) as error:
            yield Reject.of(where, "", "malformed_row", f"not JSON: {error}")


def read_csv(path: str, name: str) -> Iterator[Place | Reject]:
    """Yields (`name:line`, record) for each row under the header of a comma-separated file.

    Raises:
      DataError: the header is missing, or names no image, no caption or an unknown column.
    """
    return _read_table(path, name, _csv_cells)


def read_tsv(path: str, name: str) -> Iterator[Place | Reject]:
    """As `read_csv` for tab-separated values: one line is one row, quotes are optional."""
    return _read_table(path, name, _tsv_cells)


READERS: dict[str, Callable[[str, str], Iterator[Place | Reject]]] = {
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_tsv,
}

# Cells of the record that begins a list of lines, and how many lines it takes; or what is wrong.
_Cells = Callable[[Sequence[str]], tuple[list[str], int]]


def _read_table(path: str, name: str, cells_of: _Cells) -> Iterator[Place | Reject]:
    numbered = _decoded(path)
    start, header = next(((place, line) for place, line in numbered if line), (0, ""))
    if not start:
        raise DataError(name, "the file is empty", f"Begin it with a header of {_columns()}.")
    columns = _header(header, f"{name}:{start}", cells_of)
    ahead = deque(islice(numbered, _LONGEST_RECORD))
    while ahead:
        place, line = ahead[0]
        taken = 1
        if line:
            where = f"{name}:{place}"
            try:
                cells, taken = cells_of([text for _, text in ahead])
                yield where, _record(columns, cells)
            except (ValueError, RecursionError) as error:
                taken = 1
                yield Reject.of(where, "", "malformed_row", str(error))
        for _ in range(taken):
            ahead.popleft()
        ahead.extend(islice(numbered, taken))


def _decoded(path: str) -> Iterator[tuple[int, str]]:
    """Yields number and text of each line; blank is what bytes call blank, for text counts more
    marks as blanks."""
    for number, line in enumerate(files.lines(path), start=1):
        yield number, line.decode("utf-8", "surrogateescape") if line.strip() else ""


def _csv_cells(lines: Sequence[str]) -> tuple[list[str], int]:
    reader = csv.reader((f"{line}\n" for line in lines), strict=True)
    try:
        return next(reader), reader.line_num
    except csv.Error as error:
        raise ValueError(f"not a CSV row: {error}") from error


def _tsv_cells(lines: Sequence[str]) -> tuple[list[str], int]:
    try:
        return next(csv.reader(islice(lines, 1), delimiter="\t", strict=True)), 1
    except csv.Error:
        return lines[0].split("\t"), 1


def _columns() -> str:
    return ", ".join(COLUMNS)


def _header(line: str, where: str, cells_of: _Cells) -> list[str]:
    _check_encoding(line, where)
    try:
        columns = [ALIASES.get(cell.strip(), cell.strip()) for cell in cells_of([line])[0]]
    except ValueError as error:
        raise DataError(
            where, f"the header is {error}", f"Name the columns {_columns()}."
        ) from error
    for place, column in enumerate(columns):
        if not _COLUMN.fullmatch(column):
            raise DataError(
                f"{where}, column {place + 1}",
                f"the column {column!r:.60} is unknown",
                f"Name the columns {_columns()}; commas separate them in .csv, tabs in .tsv.",
            )
        if column in columns[:place]:
            raise DataError(
                f"{where}, column {place + 1}",
                f"the column {column!r} stands there twice",
                "Number several captions caption1, caption2, ..., or give each its own row.",
            )
    if "image" not in columns or not any(column.startswith("caption") for column in columns):
        raise DataError(
            where, "the header names no image or no caption", f"Name the columns {_columns()}."
        )
    return columns


def _check_encoding(header: str, where: str) -> None:
    if header.startswith(_UTF_16):
        raise DataError(
            where, "the file is UTF-16", "Save it as UTF-8 (spreadsheets call it CSV UTF-8)."
        )
    if "\r" in header:
        raise DataError(where, "lines end in CR alone", "Save the file with line ends LF or CR LF.")


def _record(columns: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} cells stand under {len(columns)} columns")
    row = dict(zip(columns, cells, strict=True))
    record: dict[str, Any] = {key: row[key] for key in ("image", "language", "split") if key in row}
    record["captions"] = _captions(row)
    if row.get("attributes", "").strip():
        record["attributes"] = _attributes(row["attributes"].strip())
    return record


def _captions(row: dict[str, str]) -> list[Any]:
    """Returns the texts of `caption`, `caption1`... and the JSON list `captions`."""
    single = [row[column] for column in row if re.fullmatch(r"caption\d*", column)]
    listed = json.loads(row["captions"]) if row.get("captions", "").strip() else []
    if not isinstance(listed, list):
        raise ValueError("the column captions must hold a JSON list of texts")
    # With several columns the last ones of a row are often blank, which says nothing is missing.
    filled = [text for text in single if text.strip()]
    return (filled or single[:1]) + listed


def _attributes(cell: str) -> Any:
    if cell[0] in "{[":
        return json.loads(cell)
    return [name.strip() for name in cell.split(";")]
