"""The elements in the Beam pipeline: a ticket for each picture, and tallies of counts.

Beam's direct runner groups elements in memory. There, pictures are written to files in the output,
and a `Ticket` of about fifty bytes goes through Beam. Cluster engines group on disk; their tickets
contain the picture.
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

# Counts by (what, kind).
Tally = Counter[tuple[str, str]]
# Content hash, the split that the data name, span and size of the picture, and its place in the
# `Spool`. As bytes, because Beam groups Python objects, and others take several times the memory.
Ticket = bytes

_HEAD = struct.Struct(">16sbiI")
# No split is named, or there are not several spans.
_NONE = -1
# Name of a file, offset and length.
_PLACE = struct.Struct(">16sQQ")


class Opened(NamedTuple):
    """A usable picture.

    Attributes:
      seen: the facts that its copies are compared with.
      tally: its counts.
      example: the serialised tf.Example.
    """

    seen: Seen
    tally: Tally
    example: bytes


def hash_of(ticket: Ticket) -> bytes:
    """Returns the content hash, 16 bytes, which is equal for identical pictures."""
    return ticket[:16]


def placed(ticket: Ticket) -> Placed:
    """Returns the facts that decide the picture's split in its data set."""
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
    """Stores pictures; only the name of its folder is sent to workers.

    Attributes:
      directory: of the files, or "" to put pictures into their tickets.
    """

    def __init__(self, directory: str):
        self.directory = directory

    def group(self, ticket: Ticket) -> bytes:
        """Returns the group key, equal for identical pictures: their hash or, for tickets without
        the picture, its first byte, because each group takes memory."""
        return ticket[:1] if self.directory else hash_of(ticket)

    @contextmanager
    def writer(self) -> Iterator[Any]:
        """A function that stores the `Opened` of a picture and returns its ticket, which is valid
        after the end of the context."""
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
    """Returns the counts of a kept picture."""
    facts: Tally = Counter()
    facts["formats", f"{loaded.picture.format} {loaded.picture.mode}"] = 1
    facts.update(("captions", language) for language in loaded.row.languages)
    facts.update(("dropped_captions", reason) for reason in loaded.row.dropped)
    facts.update(("mended", what) for what in loaded.row.mended)
    return facts


def tally_of_splits(rule: SplitRule) -> Tally:
    """Returns the counts of the splits."""
    facts: Tally = Counter()
    facts.update({("pictures", split): count for split, count in rule.pictures.items()})
    facts.update({("bytes", split): size for split, size in rule.sizes.items()})
    return facts


def tally_of_reject(reject: Reject) -> Tally:
    """Returns the counts of a reject."""
    return Counter({("rejects", reject.reason): 1})


def taken_back(tally: Tally) -> Tally:
    """Returns the negative counts of a picture that turned out to be a copy."""
    return Counter({fact: -count for fact, count in tally.items()})


class SumTallies(beam.CombineFn):
    """Sums tallies; only positive counts are kept."""

    def create_accumulator(self) -> Tally:
        return Counter()

    def add_input(self, mutable_accumulator: Tally, element: Tally) -> Tally:
        # `+` of counters would drop counts that are negative until their picture is counted.
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
    """Combines the facts about all pictures to the rule of the splits."""

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
