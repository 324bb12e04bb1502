"""Reads the data of a run into memory, for the commands that do without TFX."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from absl import logging
from tqdm import tqdm

from components.caption_example_gen.options import lot
from data.schema import CaptionedImage
from data.sources import Loaded, Source, collect
from pipeline.settings import Settings


def collect_splits(settings: Settings, source: Source) -> dict[str, list[CaptionedImage]]:
    """Returns the pictures of a source by split, `ingest.max_pictures` of them at most.

    Raises:
      DataError: more rows than `source.max_reject_share` cannot be used.
    """
    options = settings.ingest

    def drawn(pictures: Iterable[Loaded]) -> list[Loaded]:
        bar = tqdm(pictures, desc="reading", unit=" pictures", mininterval=0.5, leave=False)
        return sorted(bar, key=lambda one: lot(one.row.image_id))[: options.max_pictures]

    pictures, report, rule = collect(
        source, options.limits, options.shares, min_split=options.min_split, choose=drawn
    )
    report.check_share(settings.source.max_reject_share, source.path)
    for sentence in rule.sentences():
        logging.warning("Splits: %s.", sentence)
    splits = defaultdict(list)
    for picture in pictures:
        splits[picture.split].append(picture)
    return dict(splits)
