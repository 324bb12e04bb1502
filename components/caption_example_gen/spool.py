"""Where pictures wait while Beam groups them: on the disk, or in Beam's own hands.

Beam's direct runner holds in memory all that it groups. There, pictures are written to files of the
output and only their places go through Beam. Cluster engines group on disks themselves.
"""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import tensorflow as tf

from components.caption_example_gen.tally import Tally
from data.sources import Seen, files

# Name of a file, offset and length; or the content itself.
Kept = tuple[str, int, int] | bytes


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


class Spool:
    """Keeps pictures; travels to workers by its folder's name alone.

    Attributes:
      directory: of the files, or "" to hand the content itself on.
    """

    def __init__(self, directory: str):
        self.directory = directory

    @contextmanager
    def writer(self) -> Iterator[Any]:
        """A function that keeps an `Opened` and returns where; what it returned can be read after
        the end of the context."""
        if not self.directory:
            yield pickle.dumps
            return
        tf.io.gfile.makedirs(self.directory)
        name, offset = uuid.uuid4().hex, 0

        def keep(picture: Opened) -> Kept:
            nonlocal offset
            content = pickle.dumps(picture)
            file.write(content)
            offset += len(content)
            return name, offset - len(content), len(content)

        with files.opened(files.join(self.directory, name), "wb") as file:
            yield keep

    @contextmanager
    def reader(self) -> Iterator[Any]:
        """A function that returns the `Opened` of what `writer` returned."""
        with ExitStack() as stack:
            known: dict[str, Any] = {}

            def read(kept: Kept) -> Opened:
                if isinstance(kept, bytes):
                    return pickle.loads(kept)
                name, offset, length = kept
                if name not in known:
                    path = files.join(self.directory, name)
                    known[name] = stack.enter_context(files.opened(path))
                known[name].seek(offset)
                return pickle.loads(known[name].read(length))

            yield read
