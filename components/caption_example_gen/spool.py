"""What goes through Beam for each picture, and where the picture itself waits meanwhile.

Beam's direct runner holds in memory all that it groups. There, pictures are written to files of the
output, and a `Ticket` of some fifty bytes goes through Beam. Cluster engines group on disks
themselves; their tickets hold the picture.
"""

from __future__ import annotations

import pickle
import struct
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, NamedTuple

import tensorflow as tf

from components.caption_example_gen.tally import Tally
from data.base import files
from data.schema import SPLITS
from data.sources import Loaded, Seen
from data.splits import Placed

# Content hash, the split that the data name, span and size of the picture, and what `Spool` needs
# to find it. Bytes, since Beam keeps what it groups as Python objects, and others take several
# times as much.
Ticket = bytes

_HEAD = struct.Struct(">16sbiI")
# No split is named, or no span is one of several.
_NONE = -1
# Name of a file, offset and length.
_PLACE = struct.Struct(">16sQQ")


class Opened(NamedTuple):
    """A picture that can be used.

    Attributes:
      seen: what its copies are compared with.
      tally: what it counts for.
      example: the serialised tf.Example.
    """

    seen: Seen
    tally: Tally
    example: bytes


def hash_of(ticket: Ticket) -> bytes:
    """Returns the 16 bytes that identical pictures share."""
    return ticket[:16]


def placed(ticket: Ticket) -> Placed:
    """Returns what decides the picture's split in its set."""
    content_hash, named, span, size = _HEAD.unpack_from(ticket)
    return Placed.of(
        content_hash.hex(),
        None if named == _NONE else SPLITS[named],
        None if span == _NONE else span,
        size,
    )


def _head(picture: Loaded) -> bytes:
    split, span = picture.row.split, picture.row.span
    return _HEAD.pack(
        bytes.fromhex(picture.content_hash),
        _NONE if split is None else SPLITS.index(split),
        _NONE if span is None else span,
        len(picture.picture.encoded),
    )


class Spool:
    """Keeps pictures; travels to workers by its folder's name alone.

    Attributes:
      directory: of the files, or "" to put pictures into their tickets.
    """

    def __init__(self, directory: str):
        self.directory = directory

    def group(self, ticket: Ticket) -> bytes:
        """Returns what identical pictures share: their hash or, of small tickets, its first byte,
        since each group takes memory too."""
        return ticket[:1] if self.directory else hash_of(ticket)

    @contextmanager
    def writer(self) -> Iterator[Any]:
        """A function that keeps the `Opened` of a picture and returns its ticket, which is good
        from the end of the context on."""
        with self._file() if self.directory else nullcontext(bytes) as keep:

            def write(picture: Loaded, kept: Opened) -> Ticket:
                return _head(picture) + keep(pickle.dumps(kept))

            yield write

    @contextmanager
    def _file(self) -> Iterator[Any]:
        tf.io.gfile.makedirs(self.directory)
        name, offset = uuid.uuid4(), 0

        def keep(content: bytes) -> bytes:
            nonlocal offset
            file.write(content)
            offset += len(content)
            return _PLACE.pack(name.bytes, offset - len(content), len(content))

        with files.opened(files.join(self.directory, name.hex), "wb") as file:
            yield keep

    @contextmanager
    def reader(self) -> Iterator[Any]:
        """A function that returns the `Opened` of a ticket."""
        with ExitStack() as stack:
            known: dict[bytes, Any] = {}

            def read(ticket: Ticket) -> Opened:
                if not self.directory:
                    return pickle.loads(ticket[_HEAD.size :])
                name, offset, length = _PLACE.unpack_from(ticket, _HEAD.size)
                if name not in known:
                    path = files.join(self.directory, name.hex())
                    known[name] = stack.enter_context(files.opened(path))
                known[name].seek(offset)
                return pickle.loads(known[name].read(length))

            yield read
