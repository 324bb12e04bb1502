"""Data in spans and versions: resolves a path pattern to folders.

`/data/span-{SPAN}/v{VERSION}` is the newest version of the newest span. A window combines several
spans, up to that one, to one data set.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from data.base import files
from data.base.errors import DataError
from data.sources.rows import Reject, Row
from data.sources.source import Source, digest

_SEPARATOR = "|"


@dataclass(frozen=True)
class Several(Source):
    """Several sources as one; names and places of pictures are prefixed with the source's name.

    Attributes:
      members: (name, source); of copies of a picture, that of the first source is kept.
    """

    kind: ClassVar[str] = "several"

    members: tuple[tuple[str, Source], ...] = ()

    @classmethod
    def of(cls, members: Sequence[tuple[str, Source]]) -> Several:
        """Combines `members`, which were opened with the same options."""
        first = members[0][1]
        shared = (first.limits, first.language, first.resplit, first.policies)
        path = ", ".join(source.path for _, source in members)
        return cls(path, *shared, members=tuple(members))

    def describe(self) -> str:
        return "; ".join(f"{name}: {source.describe()}" for name, source in self.members)

    def fingerprint(self) -> str:
        return digest((name, source.fingerprint()) for name, source in self.members)

    def parts(self) -> tuple[str, ...]:
        return tuple(
            f"{name}{_SEPARATOR}{part}" for name, source in self.members for part in source.parts()
        )

    def _read(self, part: str) -> Iterator[Row | Reject]:
        name, _, inner = part.partition(_SEPARATOR)
        span = [member for member, _ in self.members].index(name)
        for found in self.members[span][1].rows(inner):
            where = f"{name}/{found.where}"
            if isinstance(found, Row):
                image_id = f"{name}/{found.image_id}"
                yield replace(found, where=where, image_id=image_id, span=span)
            else:
                image = f"{name}/{found.image}" if found.image else ""
                yield replace(found, where=where, image=image)


SPAN = "{SPAN}"
VERSION = "{VERSION}"


@dataclass(frozen=True)
class Resolved:
    """A path without placeholders, and the numbers that replaced them."""

    path: str
    span: int | None
    version: int | None


def resolve(pattern: str, span: int | None = None, version: int | None = None) -> Resolved:
    """Returns the path that a pattern resolves to.

    Args:
      pattern: a path or a `tfds:` name; `{SPAN}` and, after a span, `{VERSION}` match digits, each
        at most once. A path without placeholders is returned unchanged.
      span: the number; None for the highest.
      version: the number; None for the highest of the span.

    Raises:
      DataError: the pattern is malformed, or nothing on the disk matches it.
    """
    return resolve_window(pattern, 1, span, version)[0]


def resolve_window(
    pattern: str, window: int, span: int | None = None, version: int | None = None
) -> tuple[Resolved, ...]:
    """Returns the paths that a pattern resolves to in a window of spans, newest first.

    Args:
      pattern, span, version: as for `resolve`; the version applies to each span.
      window: maximum number of spans: `span` and those before it.

    Raises:
      DataError: as for `resolve`.
    """
    files.check_scheme(pattern)
    _check(pattern, span, version, window)
    if SPAN not in pattern:
        return (Resolved(pattern, None, None),)
    head, tail = _cut(pattern)
    found = [_match(head, path) for path in files.glob(_shell(head))]
    newest: dict[int, Resolved] = {}
    for path, (number, of_it) in filter(None, found):
        if version in (None, of_it):
            # Paths are in natural order, so the newest version of a span is the last one.
            newest[number] = Resolved(path + tail, number, of_it)
    last = span if span is not None else max(newest, default=None)
    if last not in newest:
        raise DataError(pattern, _missing(span, version, found), _remedy(found))
    wanted = sorted((number for number in newest if number <= last), reverse=True)[:window]
    return tuple(newest[number] for number in wanted)


def open_window(found: Sequence[Resolved], open_one: Callable[[str], Source]) -> Source:
    """Opens the result of `resolve_window`: one source, or several as one."""
    if len(found) == 1:
        return open_one(found[0].path)
    parts = tuple((f"span-{one.span}", open_one(one.path)) for one in reversed(found))
    return Several.of(parts)


def _check(pattern: str, span: int | None, version: int | None, window: int) -> None:
    faults = {
        "{SPAN} or {VERSION} stands there twice": max(map(pattern.count, (SPAN, VERSION))) > 1,
        "{VERSION} stands there without {SPAN}": VERSION in pattern and SPAN not in pattern,
        "a span was asked for, but {SPAN} is not in it": span is not None and SPAN not in pattern,
        "a window of spans was asked for, but {SPAN} is not in it": window > 1
        and SPAN not in pattern,
        "a version was asked for, but {VERSION} is not in it": version is not None
        and VERSION not in pattern,
    }
    for fault, holds in faults.items():
        if holds:
            raise DataError(pattern, fault, "Write it like /data/span-{SPAN}/v{VERSION}.")


def _cut(pattern: str) -> tuple[str, str]:
    """Splits a pattern after the last path component with a placeholder."""
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
