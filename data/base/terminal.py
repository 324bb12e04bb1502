"""Formats text for a terminal: without control sequences, in lines of 80 columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

COLUMNS = 80
# Characters that change the direction of text, so that a line reads as something else.
_REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def printable(text: str) -> str:
    """Escapes `text` for a terminal: names in foreign data can contain anything.

    Control characters, line breaks, direction marks and lone surrogates become escapes such as
    `\\x1b`.
    """
    return "".join(_escaped(mark) if _steers(mark) else mark for mark in text)


def printable_lines(text: str) -> str:
    """As `printable`, but keeps line breaks."""
    return "\n".join(map(printable, text.split("\n")))


def _steers(mark: str) -> bool:
    return unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp") or mark in _REORDERING


def _escaped(mark: str) -> str:
    return f"\\x{ord(mark):02x}" if ord(mark) < 256 else f"\\u{ord(mark):04x}"


def fitted(text: str, indent: str) -> Iterator[str]:
    """Yields `text` in lines of at most 80 columns; the later ones begin with `indent`.

    Control characters are escaped. Wide characters take two columns. A word longer than a line is
    split.
    """
    line, used = "", 0
    for piece in _pieces(printable(text), COLUMNS - len(indent)):
        if used + columns(piece) > COLUMNS and line.strip():
            yield line.rstrip()
            line, used = indent, len(indent)
            line += piece.lstrip()
            used += columns(piece.lstrip())
        else:
            line += piece
            used += columns(piece)
    yield line.rstrip()


def columns(text: str) -> int:
    """Returns the width of `text` in columns of a terminal."""
    return sum(
        0 if unicodedata.combining(mark) else 1 + (unicodedata.east_asian_width(mark) in "WF")
        for mark in text
    )


def _pieces(text: str, most: int) -> Iterator[str]:
    """Yields words with the spaces before them, in pieces of at most `most` columns."""
    piece, used = "", 0
    for place, mark in enumerate(text):
        wide = columns(mark)
        begins = mark == " " and place and text[place - 1] != " "
        if piece and (begins or used + wide > most or (wide == 2 and used)):
            yield piece
            piece, used = "", 0
        piece, used = piece + mark, used + wide
    yield piece
