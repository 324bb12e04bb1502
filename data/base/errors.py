"""The error of data that cannot be used: where it is, what is wrong, and what to do about it."""

from __future__ import annotations

from data.base.terminal import printable, printable_lines


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
