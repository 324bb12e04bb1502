"""The interface of all sources of captioned pictures."""

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
    """A set of captioned pictures; it contains only names, so it can be sent to workers.

    Attributes:
      path: given by the user.
      limits: of one caption and one picture.
      language: tag of all captions; None reads it from the data or guesses it by script.
      resplit: whether to ignore splits in the data and decide all by content.
      policies: for missing or bad fields.
    """

    kind: ClassVar[str]

    path: str
    limits: Limits = DEFAULT_LIMITS
    language: str | None = None
    resplit: bool = False
    policies: Policies = DEFAULT_POLICIES

    @abc.abstractmethod
    def describe(self) -> str:
        """Returns a line for the user: kind, place and size."""

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Returns a hash, in hex, that changes with the data; opens no picture."""

    @abc.abstractmethod
    def _read(self, part: str) -> Iterator[Row | Reject]:
        """Yields the rows of one part in a fixed order."""

    def parts(self) -> tuple[str, ...]:
        """Returns names of parts that workers can read independently with `rows(part)`."""
        return ("",)

    def holds_pictures(self) -> bool:
        """Whether its files contain the pictures, so that there are no picture files."""
        return False

    def folders(self) -> tuple[str, ...] | None:
        """Returns the folders that it searches for files, in addition to those of its rows; None if
        it reads no folder."""
        return None

    def texts(self) -> tuple[Sequence[str], Sequence[str]]:
        """Returns the paths of the files whose captions are read, and of the rejected files."""
        return (), ()

    def _to_row(self, where: str, record: Any, folder: str = "") -> Row | Reject:
        """Converts a record with this source's limits, language and policies; its image path is
        relative to `folder`."""
        return to_row(
            where,
            record,
            folder=folder,
            limits=self.limits,
            language=self.language,
            policies=self.policies,
        )

    def rows(self, part: str | None = None) -> Iterator[Row | Reject]:
        """Yields a Row for each picture, which is not opened, and a Reject for each bad record.

        Args:
          part: one of `parts()`; None reads them all.

        Raises:
          DataError: the source cannot be read at all, or has no record.
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

    It depends on the length and change time of pictures; on a remote store, where these are slow to
    read, only on their names.
    """
    rows = (row for row in source.rows() if isinstance(row, Row))
    stamps = (files.stamp(files.join(row.folder, str(row.image))) for row in rows)
    folders = [f"{posixpath.dirname(path)}/" for path in paths]
    common = posixpath.dirname(posixpath.commonprefix(folders))
    names = [path.removeprefix(f"{common}/") for path in paths]
    content = chain.from_iterable(map(files.chunks, paths))
    return digest(chain([names], content, stamps, [source.language, source.resplit]))


def digest(values: Iterable[object]) -> str:
    """Returns a hash of `values` in order, 32 hex digits."""
    made = hashlib.blake2b(digest_size=16)
    for value in values:
        made.update(value if isinstance(value, bytes) else f"{value!r}\n".encode())
    return made.hexdigest()
