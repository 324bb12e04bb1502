"""What every source of captioned images can do."""

from __future__ import annotations

import abc
import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, ClassVar

from data.base import files
from data.base.errors import DataError
from data.sources.records import to_row
from data.sources.rows import DEFAULT_LIMITS, DEFAULT_POLICIES, Limits, Policies, Reject, Row


@dataclass(frozen=True)
class Source(abc.ABC):
    """A set of captioned images; holds names only, so that it travels to workers.

    Attributes:
      path: what the user named.
      limits: of one caption and one picture.
      language: tag of all captions; None reads it from the data or guesses it by script.
      resplit: whether splits in the data are ignored and decided anew by content.
      policies: of fields that are missing or bad.
    """

    kind: ClassVar[str]

    path: str
    limits: Limits = DEFAULT_LIMITS
    language: str | None = None
    resplit: bool = False
    policies: Policies = DEFAULT_POLICIES

    @abc.abstractmethod
    def describe(self) -> str:
        """Returns one line for people: kind, place and size."""

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Returns hex digits that change when the data do; opens no picture."""

    @abc.abstractmethod
    def _read(self, part: str) -> Iterator[Row | Reject]:
        """Yields the rows of one part in a fixed order."""

    def parts(self) -> tuple[str, ...]:
        """Returns names of pieces that workers can read on their own through `rows(part)`."""
        return ("",)

    def holds_pictures(self) -> bool:
        """Whether its files hold the pictures, which then are no files of their own."""
        return False

    def folders(self) -> tuple[str, ...] | None:
        """Returns the folders below which it looks for files, besides those of its rows; None where
        it reads no folder."""
        return None

    def texts(self) -> tuple[Sequence[str], Sequence[str]]:
        """Returns the paths of the files whose captions are read, and of those that are rejected as
        a whole."""
        return (), ()

    def _to_row(self, where: str, record: Any, folder: str = "") -> Row | Reject:
        """Returns the row of a record by this source's limits, language and policies; `folder` is
        where its image path starts from."""
        return to_row(
            where,
            record,
            folder=folder,
            limits=self.limits,
            language=self.language,
            policies=self.policies,
        )

    def rows(self, part: str | None = None) -> Iterator[Row | Reject]:
        """Yields a Row for each picture, unopened, and a Reject for each unusable record.

        Args:
          part: one of `parts()`; None reads them all.

        Raises:
          DataError: the source as a whole cannot be read, or holds no record at all.
        """
        found = False
        for piece in self.parts() if part is None else (part,):
            for row in self._read(piece):
                found = True
                yield replace(row, split=None) if self.resplit and isinstance(row, Row) else row
        if not found and part is None:
            raise DataError(self.path, "there is no record in it", "Add a record for each picture.")


def caption_files_digest(source: Source, paths: Sequence[str]) -> str:
    """Returns the fingerprint of caption files and of the pictures that their rows name.

    Pictures count by length and change time; on a remote store, where asking for these is slow,
    by name alone.
    """
    rows = (row for row in source.rows() if isinstance(row, Row))
    stamps = (files.stamp(files.join(row.folder, str(row.image))) for row in rows)
    folders = [f"{posixpath.dirname(path)}/" for path in paths]
    common = posixpath.dirname(posixpath.commonprefix(folders))
    names = [path.removeprefix(f"{common}/") for path in paths]
    content = chain.from_iterable(map(files.chunks, paths))
    return digest(chain([names], content, stamps, [source.language, source.resplit]))


def digest(values: Iterable[object]) -> str:
    """Returns 32 hex digits that stand for `values` in their order."""
    made = hashlib.blake2b(digest_size=16)
    for value in values:
        made.update(value if isinstance(value, bytes) else f"{value!r}\n".encode())
    return made.hexdigest()
