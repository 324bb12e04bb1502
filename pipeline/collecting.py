"""Reads the data of a run into memory, for the commands that do without TFX."""

from __future__ import annotations

import hashlib
from collections import defaultdict

from tqdm import tqdm

from data.schema import CaptionedImage
from data.sources import Source, collect
from pipeline.settings import Settings


def collect_splits(settings: Settings, source: Source) -> dict[str, list[CaptionedImage]]:
    """Returns the pictures of a source by split, `ingest.max_pictures` of them at most.

    Raises:
      DataError: more rows than `source.max_reject_share` cannot be used.
    """
    options = settings.ingest
    pictures, report = collect(source, options.limits, options.shares)
    bar = tqdm(pictures, desc="reading", unit=" pictures", mininterval=0.5, leave=False)
    kept = sorted(bar, key=_lot)[: options.max_pictures]
    report.check_share(settings.source.max_reject_share, source.path)
    splits = defaultdict(list)
    for picture in kept:
        splits[picture.split].append(picture)
    return dict(splits)


def _lot(picture: CaptionedImage) -> bytes:
    return hashlib.blake2b(picture.image_id.encode(), digest_size=8).digest()
