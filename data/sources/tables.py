"""Reads caption files line by line: JSONL, CSV and TSV.

Every line that is not blank gives a record with its place, or a reject.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from data.base import files
from data.base.errors import DataError
from data.picture_files import PICTURE_ENDINGS
from data.sources import columns
from data.sources.rows import Reject

Place = tuple[str, Any]
Reader = Callable[[str, str], Iterator[Place | Reject]]

COLUMNS = (
    "image",
    "caption",
    "caption1, caption2, ...",
    "captions",
    "language",
    "attributes",
    "split",
)

# The first bytes of UTF-16, as returned by `_decoded`.
_UTF_16 = ("\udcff\udcfe", "\udcfe\udcff")
# A first line by Excel that names the delimiter.
_EXCEL = re.compile(r"sep=([,;|\t])", re.IGNORECASE)
_DELIMITERS = ",;\t|"
# With these delimiters, quotes are part of the text, and one line is one row.
_PLAIN = "\t|"
# Occurs once in a row, after the picture's name, and only in tables without a header.
_BLANK_DELIMITER = " "
# The characters of an empty row, for all delimiters.
_BLANK = f'{_DELIMITERS}" \t'
# A quoted cell may contain line breaks; more than this many mean that a quote was never closed.
_LONGEST_RECORD = 50
_ENDINGS = "|".join(PICTURE_ENDINGS).replace(".", "")
_PICTURE = re.compile(rf"[^\s,;|\t\"]+\.(?:{_ENDINGS})\b", re.IGNORECASE)
# A picture's name. Flickr8k.token.txt numbers the captions of each: `1.jpg#0`; Flickr30k-CN has
# `1.jpg#zhb#0`, and COCO-CN numbers names without ending.
_NUMBERED = re.compile(rf"(.+\.(?:{_ENDINGS}))(?:#\w+)*|([^\s#]+)(?:#\w+)*#\w*\d", re.IGNORECASE)


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


def read_table(path: str, name: str) -> Iterator[Place | Reject]:
    """Yields (`name:line`, record) for each row of a table with a header.

    The header determines the delimiter: a comma, a semicolon, a tab or a bar. A table without a
    header is read if its first line has the name of a picture and a caption. Rows of empty cells
    are skipped like blank lines.

    Raises:
      DataError: the header is missing, or names no image or no caption.
    """
    numbered = _decoded(path)
    start, line = next(((place, line) for place, line in numbered if line), (0, ""))
    if not start:
        raise DataError(name, "the file is empty", f"Begin it with a header of {_columns()}.")
    excel = _EXCEL.fullmatch(line.strip('"'))
    if excel:
        start, line = next(((place, line) for place, line in numbered if line), (start, ""))
    table = _table(line, path, f"{name}:{start}", excel[1] if excel else _order(name))
    ahead = deque(islice(numbered, _LONGEST_RECORD))
    if not table.header:
        ahead.appendleft((start, line))
    while ahead:
        place, line = ahead[0]
        taken = 1
        if line:
            where = f"{name}:{place}"
            try:
                cells, taken = table.cells([text for _, text in ahead])
                if any(cell.strip(_BLANK).strip() for cell in cells):
                    yield where, _record(table, cells)
            except (ValueError, RecursionError) as error:
                taken = 1
                yield Reject.of(where, "", "malformed_row", str(error))
        for _ in range(taken):
            ahead.popleft()
        ahead.extend(islice(numbered, taken))


READERS: dict[str, Reader] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_table,
    ".tsv": read_table,
    ".txt": read_table,
    ".token": read_table,
}


@dataclass(frozen=True)
class _Table:
    """The format of a table.

    Attributes:
      names: of the columns.
      delimiter: between cells.
      header: whether the first line has the names.
    """

    names: list[str]
    delimiter: str
    header: bool = True

    def cells(self, lines: Sequence[str]) -> tuple[list[str], int]:
        """Returns the cells of the record at the beginning of `lines`, and its number of lines.

        Raises:
          ValueError: the record is malformed; the message says why.
        """
        if self.delimiter == _BLANK_DELIMITER:
            return lines[0].split(None, 1), 1
        plain = self.delimiter in _PLAIN
        return (_plain_cells if plain else _quoted_cells)(lines, self.delimiter)


def _decoded(path: str) -> Iterator[tuple[int, str]]:
    """Yields number and text of each line that is not blank. Blankness is tested on bytes, because
    str counts more characters as spaces."""
    for number, line in enumerate(files.lines(path), start=1):
        yield number, line.decode("utf-8", "surrogateescape") if line.strip() else ""


def _quoted_cells(lines: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    reader = csv.reader(
        (f"{line}\n" for line in lines), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    try:
        cells = next(reader)
    except csv.Error as error:
        raise ValueError(f"not a CSV row: {error}") from error
    for cell in cells:
        swallowed = _PICTURE.search(cell) if "\n" in cell else None
        if swallowed:
            raise ValueError(
                f"a cell goes on over several lines and holds {swallowed[0]!r:.60}, the name of "
                "another picture: a quotation mark was opened and not closed"
            )
    return cells, reader.line_num


def _plain_cells(lines: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    try:
        return next(csv.reader(islice(lines, 1), delimiter=delimiter, strict=True)), 1
    except csv.Error:
        return lines[0].split(delimiter), 1


def _columns() -> str:
    return ", ".join(COLUMNS)


def _order(name: str) -> str:
    """Returns the delimiters in the order of the attempts."""
    return "\t,;|" if files.without_packing(name.lower()).endswith(".tsv") else _DELIMITERS


def _table(line: str, path: str, where: str, delimiters: str) -> _Table:
    """Returns the format of the table that begins with `line`, its header or its first row."""
    _check_encoding(line, where)
    read = {mark: _header_cells(line, mark) for mark in delimiters}
    for mark, cells in read.items():
        if not isinstance(cells, ValueError) and columns.holds_captions(cells):
            _check_columns(cells, where)
            return _Table(cells, mark)
    for mark, cells in (*read.items(), (_BLANK_DELIMITER, line.split(None, 1))):
        if not isinstance(cells, ValueError) and _is_row(cells):
            return _Table(["image", "caption"], mark, header=False)
    best = max(read.values(), key=lambda cells: len(cells) if isinstance(cells, list) else 1)
    raise _no_header(best, path, where)


def _header_cells(line: str, delimiter: str) -> list[str] | ValueError:
    try:
        return [cell.strip() for cell in _Table([], delimiter).cells([line])[0]]
    except ValueError as error:
        return error


def _is_row(cells: Sequence[str]) -> bool:
    """Whether these are a picture's name and a caption rather than names of columns."""
    return len(cells) == 2 and bool(_NUMBERED.fullmatch(cells[0]) and cells[1])


def _no_header(cells: list[str] | ValueError, path: str, where: str) -> DataError:
    remedy = f"Name the columns {_columns()}; commas separate them, semicolons, tabs or bars."
    if isinstance(cells, ValueError):
        return DataError(where, f"the header is {cells}", remedy)
    roles = columns.roles(tuple(cells))
    lacks = [name for name in ("image", "caption") if name not in roles]
    shown = ", ".join(map(repr, cells[:8]))
    address = next(filter(columns.is_address, cells), None)
    if address and lacks == ["image"]:
        remedy = columns.fetching(path, address, cells[roles.index("caption")])
    return DataError(where, f"the header {shown:.200} names no {' and no '.join(lacks)}", remedy)


def _check_columns(names: Sequence[str], where: str) -> None:
    roles = columns.roles(tuple(names))
    for place, (name, role) in enumerate(zip(names, roles, strict=True)):
        if role in columns.NAMES and name in names[:place]:
            raise DataError(
                f"{where}, column {place + 1}",
                f"the column {name!r} stands there twice",
                "Number several captions caption1, caption2, ..., or give each its own row.",
            )


def _check_encoding(header: str, where: str) -> None:
    if header.startswith(_UTF_16) or "\0" in header:
        raise DataError(
            where, "the file is UTF-16", "Save it as UTF-8 (spreadsheets call it CSV UTF-8)."
        )
    if "\r" in header:
        raise DataError(where, "lines end in CR alone", "Save the file with line ends LF or CR LF.")


def _record(table: _Table, cells: Sequence[str]) -> dict[str, Any]:
    """Returns the record of a row, by the names of its columns.

    Unknown columns keep their names, because a policy decides about them. Empty cells are left out.
    """
    names = tuple(table.names)
    if len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
        raise ValueError(f"{len(cells)} cells stand under {len(names)} columns")
    record: dict[str, Any] = {"image": ""}
    single: list[str] = []
    listed: list[Any] = []
    meant = zip(names, columns.roles(names), columns.tags(names), cells, strict=False)
    for name, role, tag, cell in meant:
        if role == columns.NAMELESS and not columns.is_index(cell):
            raise ValueError(f"{cell!r:.60} stands under a column without a name")
        if role == "image":
            record["image"] = _image(cell.strip(), table.header)
        elif tag is not None:
            texts = _texts(cell) if cell.strip() and not columns.is_number(tag, cell) else []
            listed += [{"text": text, "language": tag} for text in texts]
        elif role == "caption":
            single += _texts(cell)
        elif role == "captions":
            listed += _listed(cell.strip())
        elif role == "attributes" and cell.strip():
            record["attributes"] = _attributes(cell.strip())
        elif role in ("language", "split"):
            record[str(role)] = cell
        elif role is None and cell.strip():
            record[name] = cell
    # With several caption columns, the last cells of a row are often blank, which is not an error.
    record["caption"] = ([text for text in single if text.strip()] or single[:1]) + listed
    return record


def _image(cell: str, header: bool) -> str:
    """Returns the picture's name in a cell, without the number of its caption."""
    found = _NUMBERED.fullmatch(cell)
    return (found[1] or (cell if header else found[2])) if found else cell


def _texts(cell: str) -> list[str]:
    """Returns the texts of a cell with a list, and any other cell as one text."""
    found = columns.list_in(cell)
    return found if found and all(isinstance(one, str) for one in found) else [cell]


def _listed(cell: str) -> list[Any]:
    """Returns the texts of a cell: a list as written by JSON, Python or NumPy, or one text."""
    if not cell.startswith("["):
        return [cell] if cell else []
    found = columns.list_in(cell)
    if found is None:
        raise ValueError(f"{cell!r:.60} is no list of texts")
    return found


def _attributes(cell: str) -> Any:
    if cell[0] in "{[":
        return json.loads(cell)
    return [name.strip() for name in cell.split(";")]
