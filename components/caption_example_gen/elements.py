"""What goes through Beam: a ticket for each picture, and tallies of what was counted.

Beam's direct runner holds in memory all that it groups. There, pictures are written to files of the
output, and a `Ticket` of some fifty bytes goes through Beam. Cluster engines group on disks
themselves; their tickets hold the picture.
"""

from __future__ import annotations

import pickle
import struct
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, NamedTuple

import apache_beam as beam
import tensorflow as tf

from data.base import files
from data.schema import SPLITS
from data.sources import Loaded, Reject, Seen
from data.splits import Placed, SplitRule, SplitTally

# How often each kind of each thing was counted.
Tally = Counter[tuple[str, str]]
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


def tally_of_picture(loaded: Loaded) -> Tally:
    """Returns what a picture that is kept counts for."""
    facts: Tally = Counter()
    facts["formats", f"{loaded.picture.format} {loaded.picture.mode}"] = 1
    facts.update(("captions", language) for language in loaded.row.languages)
    facts.update(("dropped_captions", reason) for reason in loaded.row.dropped)
    facts.update(("mended", what) for what in loaded.row.mended)
    return facts


def tally_of_splits(rule: SplitRule) -> Tally:
    """Returns what the pictures count for by their splits."""
    facts: Tally = Counter()
    facts.update({("pictures", split): count for split, count in rule.pictures.items()})
    facts.update({("bytes", split): size for split, size in rule.sizes.items()})
    return facts


def tally_of_reject(reject: Reject) -> Tally:
    """Returns what a reject counts for."""
    return Counter({("rejects", reject.reason): 1})


def taken_back(tally: Tally) -> Tally:
    """Returns what undoes the count of a picture that turns out to be a copy."""
    return Counter({fact: -count for fact, count in tally.items()})


class SumTallies(beam.CombineFn):
    """Adds tallies up; what was taken back altogether is left out."""

    def create_accumulator(self) -> Tally:
        return Counter()

    def add_input(self, mutable_accumulator: Tally, element: Tally) -> Tally:
        # `+` of two counters would drop what stands below zero until its picture is counted.
        mutable_accumulator.update(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Tally]) -> Tally:
        merged: Tally = Counter()
        for tally in accumulators:
            merged.update(tally)
        return merged

    def extract_output(self, accumulator: Tally) -> Tally:
        return +accumulator


class DivideIntoSplits(beam.CombineFn):
    """From what decides the splits of all pictures to the rule that divides them."""

    def __init__(self, shares: Sequence[float], min_split: int):
        self._shares = shares
        self._min_split = min_split

    def create_accumulator(self) -> SplitTally:
        return SplitTally(self._shares)

    def add_input(self, mutable_accumulator: SplitTally, element: Placed) -> SplitTally:
        mutable_accumulator.add(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[SplitTally]) -> SplitTally:
        merged = self.create_accumulator()
        for tally in accumulators:
            merged.merge(tally)
        return merged

    def extract_output(self, accumulator: SplitTally) -> SplitRule:
        return SplitRule.of(accumulator, self._min_split)


def tally_section(tally: Tally, what: str) -> dict[str, int]:
    """Returns the counts of `what` by kind, largest first."""
    found = [(kind, count) for (name, kind), count in tally.items() if name == what]
    return dict(sorted(found, key=lambda item: (-item[1], item[0])))
