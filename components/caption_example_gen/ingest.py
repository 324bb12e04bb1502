"""The Beam steps from a source to shards of examples; needs no TFX.

The shards' bytes depend on the data alone, not on the runner, its workers or their order: pictures
are keyed by content, the first of several copies is chosen by its place in the source, and each
shard is sorted before it is written.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import tensorflow as tf

from components.caption_example_gen.options import lot
from components.caption_example_gen.tally import CountOutcomes, Tally
from data import schema
from data.errors import DataError
from data.sources import Limits, Loaded, Reject, Row, Source, files, load_row, resolve_duplicates
from data.sources.files import natural_key

REJECTED, FAILED = "rejected", "failed"
OUTCOME = "outcome.json"

# Small enough for one worker's memory, large enough that few files hold a large set.
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
            # Beam would wrap the error and bury its text under a traceback of the worker.
            failure = (error.where, error.problem, error.remedy)
            yield beam.pvalue.TaggedOutput(FAILED, failure)


class OpenPictures(beam.DoFn):
    """Yields (content hash, picture) of each row whose picture can be used."""

    def __init__(self, limits: Limits, shares: Sequence[float]):
        self._limits = limits
        self._shares = shares

    def process(self, row: Row) -> Iterator[Any]:
        loaded = load_row(row, self._limits, self._shares)
        if isinstance(loaded, Reject):
            yield beam.pvalue.TaggedOutput(REJECTED, loaded)
        else:
            yield loaded.content_hash, loaded


class KeepFirst(beam.DoFn):
    """Keeps one picture of each content hash and rejects its copies."""

    def process(self, group: tuple[str, Iterable[Loaded]]) -> Iterator[Any]:
        kept, copies = resolve_duplicates(group[1])
        yield kept
        for copy in copies:
            yield beam.pvalue.TaggedOutput(REJECTED, copy)


class WriteShard(beam.DoFn):
    """Writes one gzipped TFRecord file, sorted by content hash."""

    def __init__(self, directory: str):
        self._directory = directory

    def process(self, shard: tuple[tuple[str, int, int], Iterable[tuple[str, bytes]]]) -> None:
        place, records = shard
        _write_records(_shard_path(self._directory, *place), [one for _, one in sorted(records)])


def _shard_path(directory: str, split: str, index: int, count: int) -> str:
    return f"{directory}/Split-{split}/data_tfrecord-{index:05d}-of-{count:05d}.gz"


def _write_records(path: str, records: Iterable[bytes]) -> None:
    tf.io.gfile.makedirs(posixpath.dirname(path))
    # The pictures are compressed already; a higher level costs seconds and saves nothing.
    options = tf.io.TFRecordOptions("GZIP", compression_level=1)
    with tf.io.TFRecordWriter(path, options) as writer:
        for record in records:
            writer.write(record)


def _shards(tally: Tally, split: str) -> int:
    return max(1, -(-tally["bytes", split] // _SHARD_BYTES))


def fill_gaps(directory: str, tally: Tally) -> None:
    """Writes the shards that no picture fell into, so that every split has all its files."""
    for split in schema.SPLITS:
        count = _shards(tally, split)
        for index in range(count):
            path = _shard_path(directory, split, index, count)
            if not tf.io.gfile.exists(path):
                _write_records(path, [])


def ingest(
    pipeline: beam.Pipeline,
    source: Source,
    directory: str,
    *,
    shares: Sequence[float],
    max_pictures: int | None = None,
) -> None:
    """Adds all steps to `pipeline`.

    Args:
      pipeline: to be run by the caller.
      source: of captioned pictures; its limits hold for pictures too.
      directory: where `Split-*` folders and the outcome file are written.
      shares: of train, val and test, for pictures whose source names no split.
      max_pictures: at most this many rows, see `options.lot`.
    """
    read = (
        pipeline
        | "Parts" >> beam.Create(source.parts())
        | "ReadRows" >> beam.ParDo(ReadRows(source)).with_outputs(REJECTED, FAILED, main="rows")
    )
    rows = read.rows if max_pictures is None else read.rows | Draw(max_pictures)
    opened = (
        rows
        | "Spread" >> beam.Reshuffle()
        | "OpenPictures"
        >> beam.ParDo(OpenPictures(source.limits, shares)).with_outputs(REJECTED, main="pictures")
    )
    kept = (
        opened.pictures
        | "ByContent" >> beam.GroupByKey()
        | "KeepFirst" >> beam.ParDo(KeepFirst()).with_outputs(REJECTED, main="kept")
    )
    rejects = (read[REJECTED], opened[REJECTED], kept[REJECTED]) | "Rejects" >> beam.Flatten()
    tally = (
        (kept.kept, rejects)
        | "Outcomes" >> beam.Flatten()
        | "Count" >> beam.CombineGlobally(CountOutcomes())
    )
    _write(kept.kept, tally, directory)
    _write_outcome(pipeline, tally, rejects, read[FAILED], f"{directory}/{OUTCOME}")


@beam.ptransform_fn
def Draw(rows: beam.PCollection, count: int) -> beam.PCollection:
    """Keeps `count` rows, always the same ones, spread over the whole source."""
    return (
        rows
        | "Smallest"
        >> beam.combiners.Top.Of(count, key=lambda row: lot(row.image_id), reverse=True)
        | "Each" >> beam.FlatMap(lambda drawn: drawn)
    )


def _to_shard(loaded: Loaded, tally: Tally) -> tuple[tuple[str, int, int], tuple[str, bytes]]:
    count = _shards(tally, loaded.split)
    index = int(loaded.content_hash[-8:], 16) % count
    record = schema.to_example(loaded.example()).SerializeToString(deterministic=True)
    return (loaded.split, index, count), (loaded.content_hash, record)


def _write(kept: beam.PCollection, tally: beam.PCollection, directory: str) -> None:
    _ = (
        kept
        | "ToShard" >> beam.Map(_to_shard, beam.pvalue.AsSingleton(tally))
        | "ByShard" >> beam.GroupByKey()
        | "WriteShard" >> beam.ParDo(WriteShard(directory))
    )


def _write_outcome(
    pipeline: beam.Pipeline,
    tally: beam.PCollection,
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
            beam.pvalue.AsSingleton(tally),
            beam.pvalue.AsList(rejects),
            beam.pvalue.AsList(failures),
        )
    )


def _save_outcome(
    path: str, tally: Tally, rejects: list[Reject], failures: list[tuple[str, str, str]]
) -> None:
    for (what, kind), count in tally.items():
        beam.metrics.Metrics.counter(_COUNTERS, f"{what}/{kind}").inc(count)
    outcome = {
        "tally": [[what, kind, count] for (what, kind), count in sorted(tally.items())],
        "rejects": [
            one.to_json() for one in sorted(rejects, key=lambda one: natural_key(one.where))
        ],
        "failures": sorted(failures),
    }
    files.write_whole(path, json.dumps(outcome).encode("utf-8"))
