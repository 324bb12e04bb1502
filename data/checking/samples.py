"""A contact sheet: a few pictures of a data set, always the same ones, with their captions."""

from __future__ import annotations

import heapq
import io
from dataclasses import dataclass, field, replace

from PIL import Image

from data.picture_files import open_picture
from data.sources.pictures import Loaded
from data.splits import Placed, SplitRule

_SIDE = 96
_QUALITY = 80
_COLUMNS = 8


@dataclass(frozen=True)
class Sample:
    """One picture of the sheet: a JPEG of at most 96 pixels, its place, split and first caption."""

    where: str
    split: str
    caption: str
    jpeg: bytes


@dataclass
class Sampler:
    """Keeps `count` pictures of a stream: those of the smallest content hashes."""

    count: int = 48
    _kept: list[tuple[int, str, Placed, Sample]] = field(default_factory=list)

    def add(self, loaded: Loaded) -> None:
        """Looks at one picture; decodes it only if it may stay."""
        lot = -int(loaded.content_hash, 16)
        if len(self._kept) >= self.count and not (self._kept and lot > self._kept[0][0]):
            return
        held = (lot, loaded.row.where, loaded.placed(), _sample(loaded))
        if len(self._kept) < self.count:
            heapq.heappush(self._kept, held)
        else:
            heapq.heapreplace(self._kept, held)

    def samples(self, rule: SplitRule) -> tuple[Sample, ...]:
        """Returns the pictures kept, in the order of their lots, in the splits of `rule`."""
        return tuple(
            replace(sample, split=rule.split_of(placed))
            for _, _, placed, sample in sorted(self._kept, reverse=True)
        )


def _sample(loaded: Loaded) -> Sample:
    target = io.BytesIO()
    file = open_picture(loaded.picture.encoded)
    file.image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
    shown = file.rgb()
    shown.thumbnail((_SIDE, _SIDE))
    shown.save(target, "JPEG", quality=_QUALITY)
    return Sample(loaded.row.where, loaded.split, loaded.row.captions[0], target.getvalue())


def sheet(samples: tuple[Sample, ...]) -> bytes:
    """Returns one JPEG with the pictures in rows of eight; empty where there is none."""
    if not samples:
        return b""
    rows = -(-len(samples) // _COLUMNS)
    whole = Image.new("RGB", (_COLUMNS * _SIDE, rows * _SIDE), "white")
    for place, sample in enumerate(samples):
        image = open_picture(sample.jpeg).rgb()
        spare = ((_SIDE - length) // 2 for length in image.size)
        left, top = next(spare), next(spare)
        cell = (place % _COLUMNS * _SIDE + left, place // _COLUMNS * _SIDE + top)
        whole.paste(image, cell)
    target = io.BytesIO()
    whole.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()
