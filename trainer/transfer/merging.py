"""One weight of a new model from its counterpart in an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trainer.transfer.axes import ALIKE, AVERAGE, SILENT, Axis, Language

# Of the known entries' deviation.
_NEAR = 0.1

Axes = Sequence[Axis | None]


class Merged(NamedTuple):
    """A new value of a weight.

    Attributes:
      value: float32, of the new shape.
      kept: how many of its numbers are those of the earlier model.
    """

    value: np.ndarray
    kept: int


def merged(
    old: np.ndarray, old_axes: Axes, new: np.ndarray, new_axes: Axes, seed: Sequence[int]
) -> Merged | None:
    """Returns `new` with all entries of `old` that stand for the same, or None if none do.

    Entries that go by their place must be as many in both: nothing is cut to size. Of several axes
    with new entries, the later ones decide where those cross.

    Args:
      old, new: the weight of the earlier model, and that of the new one as it was initialised.
      old_axes, new_axes: what their axes stand for.
      seed: of the draws for new entries.
    """
    if old.ndim != new.ndim:
        return None
    if old.ndim == 0:
        return Merged(old, 1)
    pairs = []
    for axis, both in enumerate(zip(old_axes, new_axes, strict=True)):
        found = _matched(*both, old.shape[axis], new.shape[axis])
        if found is None:
            return None
        pairs.append(found)
    source, target = (np.ix_(*places) for places in zip(*pairs, strict=True))
    value = new.copy()
    value[target] = old[source]
    for axis, kind in enumerate(new_axes):
        if kind is not None:
            _fill(value, axis, kind, pairs[axis][1], np.random.default_rng([*seed, axis]))
    return Merged(value, int(np.prod([len(places) for _, places in pairs])))


def _matched(
    old: Axis | None, new: Axis | None, old_size: int, new_size: int
) -> tuple[list[int], list[int]] | None:
    """Places in the old and the new axis of what both have, in the order of the new one."""
    before, now = (() if axis is None else axis.keys for axis in (old, new))
    rest = new_size - len(now)
    if rest != old_size - len(before):
        return None
    where = {key: rest + place for place, key in enumerate(before)}
    shared = [(where[key], rest + place) for place, key in enumerate(now) if key in where]
    by_place = [(place, place) for place in range(rest)]
    both = by_place + shared
    if not both:
        return None
    return [source for source, _ in both], [target for _, target in both]


def _fill(
    value: np.ndarray, axis: int, kind: Axis, known: Sequence[int], draws: np.random.Generator
) -> None:
    """Gives entries along `axis` that are not `known` a start, in place."""
    unknown = sorted(set(range(value.shape[axis])) - set(known))
    if not unknown:
        return
    rows = np.moveaxis(value, axis, 0)
    if kind.fill == SILENT:
        rows[unknown] = 0.0
    elif kind.fill in (ALIKE, AVERAGE):
        share = 1.0 if kind.fill == ALIKE else _NEAR
        mean, deviation = rows[known].mean(axis=0), rows[known].std(axis=0)
        noise = draws.standard_normal((len(unknown), *rows.shape[1:]))
        rows[unknown] = mean + share * deviation * noise
        _begin_alike(rows, kind, set(known))


def _begin_alike(rows: np.ndarray, kind: Axis, known: set[int]) -> None:
    """Captions in a new language begin as those in the known ones do."""
    first = len(rows) - len(kind.keys)
    places = [first + place for place, key in enumerate(kind.keys) if isinstance(key, Language)]
    old = [place for place in places if place in known]
    new = [place for place in places if place not in known]
    if old and new:
        rows[new] = rows[old].mean(axis=0)


def resized_patches(kernel: np.ndarray, before: int, now: int) -> np.ndarray | None:
    """Fits a convolution over blocks of pixels to blocks of another side.

    On a picture that is enlarged by repeated pixels, the result is what it was on the picture
    itself; on one that is made smaller, what it was on the means of pixels. So does a vision
    transformer keep its patch embedding at another resolution (FlexiViT, Beyer et al. 2023, section
    3.4), which for whole factors comes to this.

    Args:
      kernel: float32 [h, w, before * before * 3, channels], blocks row by row.
      before, now: sides of the blocks in pixels.

    Returns:
      float32 [h, w, now * now * 3, channels], or None where neither side divides the other.
    """
    height, width, _, channels = kernel.shape
    blocks = kernel.reshape(height, width, before, before, 3, channels)
    if now % before == 0:
        factor = now // before
        spread = blocks.repeat(factor, axis=2).repeat(factor, axis=3) / factor**2
    elif before % now == 0:
        factor = before // now
        spread = blocks.reshape(height, width, now, factor, now, factor, 3, channels).sum((3, 5))
    else:
        return None
    return spread.reshape(height, width, now * now * 3, channels)
