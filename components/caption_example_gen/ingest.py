"""The Beam pipeline from a source to shards of examples; needs no TFX.

The bytes of the shards depend only on the data, not on the runner, its workers or their order:
pictures are keyed by content, the first of several copies is chosen by its place in the source, and
each shard is sorted before it is written. On one machine, neither pictures nor captions are in
memory, only some hundred bytes for each picture.
"""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.runners.direct.direct_runner import DirectRunner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.window import GlobalWindows

from components.caption_example_gen.elements import (
    DivideIntoSplits,
    Opened,
    Spool,
    SumTallies,
    Tally,
    Ticket,
    hash_of,
    placed,
    taken_back,
    tally_of_picture,
    tally_of_reject,
    tally_of_splits,
    tally_section,
)
from components.caption_example_gen.options import IngestOptions, lot
from data import schema
from data.base import files
from data.base.errors import DataError
from data.base.files import natural_key
from data.sources import (
    Limits,
    Reject,
    RejectReport,
    Row,
    Seen,
    Source,
    load_row,
    resolve_duplicates,
)
from data.splits import SplitRule

REJECTED, FAILED, COUNTED = "rejected", "failed", "counted"
OUTCOME = "outcome.json"

# Small enough for a worker's memory, large enough for a small number of files.
_SHARD_BYTES = 128 * 2**20
_COUNTERS = "caption_example_gen"


class ReadRows(beam.DoFn):
    """Yields the rows of one part of the source; a part that cannot be read becomes a failure."""

    def __init__(self, source: Source):
        self._source = source

    def process(self, part: str) -> Iterator[Any]:
        try:
            for row in self._source.rows(part):
                yield row if isinstance(row, Row) else beam.pvalue.TaggedOutput(REJECTED, row)
        except DataError as error:
            # Beam would wrap the error and hide its text in a traceback of the worker.
            failure = (error.where, error.problem, error.remedy)
            yield beam.pvalue.TaggedOutput(FAILED, failure)


class OpenPictures(beam.DoFn):
    """Yields (group, ticket) of each row with a usable picture, and the counts of all rows."""

    def __init__(self, limits: Limits, shares: Sequence[float], spool: Spool):
        self._limits = limits
        self._shares = shares
        self._spool = spool

    def start_bundle(self) -> None:
        self._open = ExitStack()
        self._keep = self._open.enter_context(self._spool.writer())
        self._counted: Tally = Counter()

    def process(self, row: Row) -> Iterator[Any]:
        loaded = load_row(row, self._limits, self._shares)
        if isinstance(loaded, Reject):
            yield beam.pvalue.TaggedOutput(REJECTED, loaded)
            return
        facts = tally_of_picture(loaded)
        example = schema.to_example(loaded.example()).SerializeToString(deterministic=True)
        ticket = self._keep(loaded, Opened(Seen.of(loaded), facts, example))
        self._counted.update(facts)
        yield self._spool.group(ticket), ticket

    def finish_bundle(self) -> Iterator[Any]:
        self._open.close()
        # Once per bundle: Beam would hold a tally for each picture until all are read.
        counted = GlobalWindows.windowed_value(self._counted)
        yield beam.pvalue.TaggedOutput(COUNTED, counted)


class KeepFirst(beam.DoFn):
    """Keeps one picture of each content hash; rejects its copies and subtracts their counts."""

    def __init__(self, spool: Spool):
        self._spool = spool

    def process(self, group: tuple[bytes, Iterable[Ticket]]) -> Iterator[Any]:
        for _, identical in groupby(sorted(group[1]), hash_of):
            tickets = list(identical)
            first = 0
            if len(tickets) > 1:
                with self._spool.reader() as read:
                    opened = [read(ticket) for ticket in tickets]
                first, copies = resolve_duplicates([one.seen for one in opened])
                for index, copy in copies.items():
                    yield beam.pvalue.TaggedOutput(REJECTED, copy)
                    yield beam.pvalue.TaggedOutput(COUNTED, taken_back(opened[index].tally))
            yield tickets[first]


class WriteShard(beam.DoFn):
    """Writes one gzipped TFRecord file, sorted by content hash."""

    def __init__(self, directory: str, spool: Spool):
        self._directory = directory
        self._spool = spool

    def process(self, shard: tuple[tuple[str, int, int], Iterable[Ticket]]) -> None:
        place, tickets = shard
        with self._spool.reader() as read:
            opened = (read(ticket) for ticket in sorted(tickets))
            records = (_in_split(one, place[0]) for one in opened)
            _write_records(_shard_path(self._directory, *place), records)


def _in_split(picture: Opened, split: str) -> bytes:
    if picture.seen.split == split:
        return picture.example
    return schema.with_split(picture.example, split)


def _shard_path(directory: str, split: str, index: int, count: int) -> str:
    return f"{directory}/Split-{split}/data_tfrecord-{index:05d}-of-{count:05d}.gz"


def _write_records(path: str, records: Iterable[bytes]) -> None:
    tf.io.gfile.makedirs(posixpath.dirname(path))
    # The pictures are already compressed; a higher level takes seconds and saves nothing.
    options = tf.io.TFRecordOptions("GZIP", compression_level=1)
    with tf.io.TFRecordWriter(path, options) as writer:
        for record in records:
            writer.write(record)


def _shards(size: int) -> int:
    """Returns the number of shards for pictures of `size` bytes."""
    return max(1, -(-size // _SHARD_BYTES))


def fill_gaps(directory: str, counted: Tally) -> None:
    """Writes empty shards, so that every split has all its files."""
    for split in schema.SPLITS:
        count = _shards(counted["bytes", split])
        for index in range(count):
            path = _shard_path(directory, split, index, count)
            if not tf.io.gfile.exists(path):
                _write_records(path, [])


def ingest(pipeline: beam.Pipeline, source: Source, directory: str, options: IngestOptions) -> None:
    """Adds all steps to `pipeline`.

    Args:
      pipeline: run by the caller.
      source: of captioned pictures; its limits apply to pictures too.
      directory: of the `Split-*` folders and the outcome file.
      options: `shares`, `min_split` and `max_pictures` of them; the others opened the source.
    """
    spool = Spool(f"{directory}/spool" if _groups_in_memory(pipeline) else "")
    read = (
        pipeline
        | "Parts" >> beam.Create(source.parts())
        | "ReadRows" >> beam.ParDo(ReadRows(source)).with_outputs(REJECTED, FAILED, main="rows")
    )
    count = options.max_pictures
    rows = read.rows if count is None else read.rows | Draw(count)
    if not _is_one_process(pipeline):
        rows |= "Spread" >> beam.Reshuffle()
    opened = rows | "OpenPictures" >> beam.ParDo(
        OpenPictures(source.limits, options.shares, spool)
    ).with_outputs(REJECTED, COUNTED, main="pictures")
    kept = (
        opened.pictures
        | "ByContent" >> beam.GroupByKey()
        | "KeepFirst" >> beam.ParDo(KeepFirst(spool)).with_outputs(REJECTED, COUNTED, main="kept")
    )
    rejects = (read[REJECTED], opened[REJECTED], kept[REJECTED]) | "Rejects" >> beam.Flatten()
    counted = (
        (opened[COUNTED], kept[COUNTED], rejects | "CountRejects" >> beam.Map(tally_of_reject))
        | "Counted" >> beam.Flatten()
        | "Sum" >> beam.CombineGlobally(SumTallies())
    )
    rule = (
        kept.kept
        | "Placed" >> beam.Map(placed)
        | "Divide" >> beam.CombineGlobally(DivideIntoSplits(options.shares, options.min_split))
    )
    _write(kept.kept, rule, directory, spool)
    _write_outcome(pipeline, counted, rule, rejects, read[FAILED], f"{directory}/{OUTCOME}")


def _groups_in_memory(pipeline: beam.Pipeline) -> bool:
    """Whether the runner groups elements in this process's memory."""
    return isinstance(pipeline.runner, (FnApiRunner, DirectRunner))


def _is_one_process(pipeline: beam.Pipeline) -> bool:
    """Whether distributing rows would only put all of them into memory at once."""
    mode = pipeline.options.view_as(DirectOptions).direct_running_mode
    return _groups_in_memory(pipeline) and mode == "in_memory"


@beam.ptransform_fn
def Draw(rows: beam.PCollection, count: int) -> beam.PCollection:
    """Keeps a deterministic sample of `count` rows from the whole source."""
    return (
        rows
        | "Smallest"
        >> beam.combiners.Top.Of(count, key=lambda row: lot(row.image_id), reverse=True)
        | "Each" >> beam.FlatMap(lambda drawn: drawn)
    )


def _to_shard(ticket: Ticket, rule: SplitRule) -> tuple[tuple[str, int, int], Ticket]:
    name = rule.split_of(placed(ticket))
    count = _shards(rule.sizes[name])
    return (name, int.from_bytes(hash_of(ticket)[-4:], "big") % count, count), ticket


def _write(kept: beam.PCollection, rule: beam.PCollection, directory: str, spool: Spool) -> None:
    _ = (
        kept
        | "ToShard" >> beam.Map(_to_shard, beam.pvalue.AsSingleton(rule))
        | "ByShard" >> beam.GroupByKey()
        | "WriteShard" >> beam.ParDo(WriteShard(directory, spool))
    )


def _write_outcome(
    pipeline: beam.Pipeline,
    counted: beam.PCollection,
    rule: beam.PCollection,
    rejects: beam.PCollection,
    failures: beam.PCollection,
    path: str,
) -> None:
    _ = (
        pipeline
        | "Once" >> beam.Create([path])
        | "WriteOutcome"
        >> beam.Map(
            _save_outcome,
            beam.pvalue.AsSingleton(counted),
            beam.pvalue.AsSingleton(rule),
            beam.pvalue.AsList(rejects),
            beam.pvalue.AsList(failures),
        )
    )


def _save_outcome(
    path: str,
    counted: Tally,
    rule: SplitRule,
    rejects: list[Reject],
    failures: list[tuple[str, str, str]],
) -> None:
    counted = counted + tally_of_splits(rule)
    for (what, kind), count in counted.items():
        beam.metrics.Metrics.counter(_COUNTERS, f"{what}/{kind}").inc(count)
    outcome = {
        "tally": [[what, kind, count] for (what, kind), count in sorted(counted.items())],
        "rejects": [
            one.to_json() for one in sorted(rejects, key=lambda one: natural_key(one.where))
        ],
        "cut_splits": list(rule.sentences()),
        "failures": sorted(failures),
    }
    files.write_whole(path, json.dumps(outcome).encode("utf-8"))


def read_outcome(path: str) -> tuple[Tally, RejectReport, list[str]]:
    """Reads the outcome file of ingestion: counts, rejects, and sentences on cut splits.

    Raises:
      DataError: a part of the source could not be read.
    """
    outcome = json.loads(files.read(path).decode("utf-8"))
    if outcome["failures"]:
        raise DataError(*outcome["failures"][0])
    tally = Counter({(what, kind): count for what, kind, count in outcome["tally"]})
    report = RejectReport(
        kept=sum(tally_section(tally, "pictures").values()),
        rejects=[Reject.from_json(line) for line in outcome["rejects"]],
        dropped_captions=Counter(tally_section(tally, "dropped_captions")),
        mended=Counter(tally_section(tally, "mended")),
    )
    return tally, report, outcome["cut_splits"]
