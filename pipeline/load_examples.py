"""Reads the data of a run without TFX, by the Beam steps of CaptionExampleGen."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import apache_beam as beam
import tensorflow as tf
from absl import logging
from apache_beam.options.pipeline_options import PipelineOptions

from components.caption_example_gen.ingest import OUTCOME, fill_gaps, ingest, read_outcome
from data import schema
from data.schema import CaptionedImage
from data.sources import Source
from pipeline.beam_runners import BeamSettings
from pipeline.settings import Settings


@dataclass(frozen=True)
class StoredSplit:
    """The pictures of a split, which each iteration reads from their files."""

    files: Sequence[str]

    def __iter__(self) -> Iterator[CaptionedImage]:
        for record in tf.data.TFRecordDataset(self.files, "GZIP").as_numpy_iterator():
            yield schema.from_example(record)


@contextlib.contextmanager
def ingested(
    settings: Settings, source: Source, directory: str
) -> Iterator[Mapping[str, StoredSplit]]:
    """Reads a source as `tuwen run` does; yields its pictures by split, no split without pictures.

    Beam runs on this machine, in `beam.workers` processes, whatever `beam.runner` names.

    Args:
      settings: of the run.
      source: opened by `settings`.
      directory: replaced; it holds the pictures as long as the context is open.

    Raises:
      DataError: the source cannot be read, or more rows than `source.max_reject_share` cannot be
        used.
    """
    options = settings.ingest
    arguments = BeamSettings(workers=settings.beam.workers).arguments()
    shutil.rmtree(directory, ignore_errors=True)
    try:
        with beam.Pipeline(options=PipelineOptions(list(arguments))) as steps:
            ingest(steps, source, directory, options)
        tally, report, cut = read_outcome(f"{directory}/{OUTCOME}")
        report.check_share(settings.source.max_reject_share, source.path)
        for sentence in cut:
            logging.warning("Splits: %s.", sentence)
        fill_gaps(directory, tally)
        yield {
            split: StoredSplit(_shards(directory, split))
            for split in schema.SPLITS
            if tally["pictures", split]
        }
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _shards(directory: str, split: str) -> list[str]:
    folder = f"{directory}/Split-{split}"
    return sorted(f"{folder}/{name}" for name in tf.io.gfile.listdir(folder))


def load_splits(settings: Settings, source: Source) -> dict[str, list[CaptionedImage]]:
    """Reads a source into memory; returns its pictures by split.

    Raises:
      DataError: as `ingested` does.
    """
    with (
        tempfile.TemporaryDirectory(prefix="tuwen-") as scratch,
        ingested(settings, source, f"{scratch}/examples") as stored,
    ):
        return {split: list(pictures) for split, pictures in stored.items()}
