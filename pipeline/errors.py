"""Errors whose message is all that a person needs to see, and how to find it in other errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from data.base.errors import DataError
from trainer.settings_loader import SettingsError

LINES = 8
_BEAM_SUFFIX = re.compile(r" \[while running '.*", re.DOTALL)
_CLASS_PREFIX = re.compile(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Refused)): ")


class UsageError(Exception):
    """A command that cannot be carried out as it was given; exit status 2."""


class RunError(Exception):
    """A run that started and stopped; exit status 1."""


SPEAKING = (DataError, SettingsError, RunError, UsageError)


def reason(error: BaseException) -> str:
    """Returns the message of the error in the chain that speaks to people, or of the first one.

    Beam turns an error of a worker into a RuntimeError whose text is the worker's whole trace; its
    last line is the message.
    """
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, SPEAKING):
            return str(link)
    text = _last_of_trace(str(chain[-1])) or repr(chain[-1])
    return text if _CLASS_PREFIX.match(text) else f"{type(chain[-1]).__name__}: {text}"


def speaks(error: BaseException) -> bool:
    """Whether an error in the chain speaks to people."""
    return any(isinstance(link, SPEAKING) for link in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _last_of_trace(text: str) -> str:
    text = _BEAM_SUFFIX.sub("", text).strip()
    if "Traceback (most recent call last)" not in text:
        lines = text.splitlines()
        return "\n".join(lines[:LINES] + ["..."] * (len(lines) > LINES))
    return next(
        (line for line in reversed(text.splitlines()) if _CLASS_PREFIX.match(line)),
        text.splitlines()[-1],
    )
