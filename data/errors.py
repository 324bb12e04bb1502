"""The error of data that cannot be used: where it is, what is wrong, and what to do about it."""

from __future__ import annotations

import unicodedata

# Characters that turn the order of a line's others around, so that it reads as something else.
_REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def printable(text: str) -> str:
    """Returns `text` as a terminal may show it: names in other people's data can hold anything.

    Characters that steer a terminal, break or reorder a line, or are half of one, become escapes
    such as `\\x1b`.
    """
    return "".join(_escaped(mark) if _steers(mark) else mark for mark in text)


def printable_lines(text: str) -> str:
    """As `printable`, of a text whose line breaks are its own."""
    return "\n".join(map(printable, text.split("\n")))


def _steers(mark: str) -> bool:
    return unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp") or mark in _REORDERING


def _escaped(mark: str) -> str:
    return f"\\x{ord(mark):02x}" if ord(mark) < 256 else f"\\u{ord(mark):04x}"


class DataError(ValueError):
    """Data, or a description of data, that a person has to put right before anything can go on.

    Attributes:
      where: file, row, column or key, as exactly as it is known.
      problem: what is wrong there.
      remedy: what a person can do about it.
    """

    def __init__(self, where: str, problem: str, remedy: str):
        message = f"{printable(where)}: {problem.rstrip('.')}. {remedy}"
        super().__init__(printable_lines(message))
        self.where = where
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str, str]]:
        return type(self), (self.where, self.problem, self.remedy)


class AddressError(DataError):
    """A place that is named by an address which nothing here reads."""
