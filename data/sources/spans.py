"""Data that comes in spans and versions: which folder a path pattern stands for.

`/data/span-{SPAN}/v{VERSION}` names the newest span, and of that span the newest version.
"""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass

from data.errors import DataError
from data.sources import files

SPAN = "{SPAN}"
VERSION = "{VERSION}"


@dataclass(frozen=True)
class Resolved:
    """A path without placeholders, and the numbers that they stood for."""

    path: str
    span: int | None
    version: int | None


def resolve(pattern: str, span: int | None = None, version: int | None = None) -> Resolved:
    """Returns the path that a pattern stands for.

    Args:
      pattern: a path or a `tfds:` name; `{SPAN}` and, after a span, `{VERSION}` stand for digits,
        each at most once. Without placeholders it is returned as it is.
      span: the number wanted; None takes the highest.
      version: the number wanted; None takes the highest of the span.

    Raises:
      DataError: the pattern is malformed, or nothing on the disk fits it.
    """
    _check(pattern, span, version)
    if SPAN not in pattern:
        return Resolved(pattern, None, None)
    head, tail = _cut(pattern)
    found = [_match(head, path) for path in files.glob(_shell(head))]
    fitting = [
        (path, *numbers)
        for path, numbers in filter(None, found)
        if span in (None, numbers[0]) and version in (None, numbers[1])
    ]
    if not fitting:
        raise DataError(pattern, _missing(span, version, found), _remedy(found))
    path, newest, of_it = max(fitting, key=lambda fit: (fit[1], fit[2] or 0))
    return Resolved(path + tail, newest, of_it)


def _check(pattern: str, span: int | None, version: int | None) -> None:
    faults = {
        "{SPAN} or {VERSION} stands there twice": max(map(pattern.count, (SPAN, VERSION))) > 1,
        "{VERSION} stands there without {SPAN}": VERSION in pattern and SPAN not in pattern,
        "a span was asked for, but {SPAN} is not in it": span is not None and SPAN not in pattern,
        "a version was asked for, but {VERSION} is not in it": version is not None
        and VERSION not in pattern,
    }
    for fault, holds in faults.items():
        if holds:
            raise DataError(pattern, fault, "Write it like /data/span-{SPAN}/v{VERSION}.")


def _cut(pattern: str) -> tuple[str, str]:
    """Returns the pattern up to the end of the last name with a placeholder, and the rest."""
    end = pattern.find("/", max(pattern.find(SPAN), pattern.find(VERSION)))
    return (pattern, "") if end < 0 else (pattern[:end], pattern[end:])


def _shell(head: str) -> str:
    return glob.escape(head).replace(SPAN, "*").replace(VERSION, "*")


def _match(head: str, path: str) -> tuple[str, tuple[int, int | None]] | None:
    expression = re.escape(head)
    for name in (SPAN, VERSION):
        expression = expression.replace(re.escape(name), f"(?P<{name.strip('{}')}>[0-9]+)")
    match = re.fullmatch(expression, path)
    if match is None:
        return None
    numbers = match.groupdict()
    return path, (int(numbers["SPAN"]), int(numbers["VERSION"]) if "VERSION" in numbers else None)


def _missing(span: int | None, version: int | None, found: list) -> str:
    wanted = [
        f"{name} {value}"
        for name, value in (("span", span), ("version", version))
        if value is not None
    ]
    there = ", ".join(path for path, _ in filter(None, found))
    return f"nothing fits {' '.join(wanted) or 'the pattern'} (there is: {there or 'none'})"


def _remedy(found: list) -> str:
    if any(found):
        return "Ask for one of those, or for none to take the newest."
    return "Make a folder whose name has a number where the pattern has {SPAN}."
