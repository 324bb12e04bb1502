"""The error for unusable data: where it is, what is wrong, and what to do."""

from __future__ import annotations

from data.base.terminal import printable, printable_lines


class DataError(ValueError):
    """Data, or a description of data, that the user must correct.

    Attributes:
      where: file, row, column or key, as precisely as known.
      problem: what is wrong there.
      remedy: what the user can do.
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
    """An address with a scheme that is not supported."""
