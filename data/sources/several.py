"""Several sources, such as the spans of a window, as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from data.sources.rows import Reject, Row
from data.sources.source import Source, digest

_SEPARATOR = "|"


@dataclass(frozen=True)
class Several(Source):
    """Sources by name; a picture's name and place begin with that of its source.

    Attributes:
      members: (name, source), those whose copies of a picture stay first.
    """

    kind: ClassVar[str] = "several"

    members: tuple[tuple[str, Source], ...] = ()

    @classmethod
    def of(cls, members: Sequence[tuple[str, Source]]) -> Several:
        """Returns `members` as one source; they were opened in the same way."""
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
