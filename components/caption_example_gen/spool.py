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
from data.schema import SPLITS
from data.sources import Seen, files

# Content hash, number of the split, and what `Spool` needs to find the picture. Bytes, since Beam
# keeps what it groups as Python objects, and others take several times as much.
Ticket = bytes

_HEAD = struct.Struct(">16sB")
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


def split_of(ticket: Ticket) -> str:
    """Returns the split that the picture belongs to."""
    return SPLITS[ticket[16]]


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
        """A function that keeps an `Opened` of a content hash and returns its ticket, which is good
        from the end of the context on."""
        with self._file() if self.directory else nullcontext(bytes) as keep:

            def write(content_hash: str, picture: Opened) -> Ticket:
                number = SPLITS.index(picture.seen.split)
                head = _HEAD.pack(bytes.fromhex(content_hash), number)
                return head + keep(pickle.dumps(picture))

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
