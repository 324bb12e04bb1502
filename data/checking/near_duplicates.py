"""Checks of pictures: exact and near duplicates, found without comparing all pairs.

A bit of a difference hash (Krawetz, "Kind of Like That", 2013) says whether a pixel of a thumbnail
is brighter than its neighbour. The bits are divided into bands. Two hashes that differ in fewer
bits than there are bands are equal in at least one band, so only pictures that share a band are
compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from data.checking.findings import CheckLimits, Facts, Finding, Splits, everything, first_places
from data.checking.label_checks import by_group, exclusive_groups
from data.picture_files import PictureError, open_picture
from data.splits import SPLITS

SIDE = 9
# In levels of 255: a smaller difference between neighbours is coding noise, not a gradient.
_MARGIN = 6
_BANDS = 8
# Maximum difference, in levels of 255, between corresponding pixels of two thumbnails.
_CLOSE = 20
# In a crowded band, each picture is compared with this many neighbours by brightness.
_NEIGHBOURS = 64


def thumbnail(encoded: bytes) -> bytes:
    """Returns the centre square as `SIDE` x `SIDE` RGB bytes; empty if the file cannot be decoded.

    JPEGs are decoded at an eighth of their size if that is enough.
    """
    try:
        file = open_picture(encoded)
        file.image.draft("RGB", (4 * SIDE, 4 * SIDE))
        image = file.rgb()
    except PictureError:
        return b""
    left, top = ((length - min(image.size)) // 2 for length in image.size)
    square = (left, top, left + min(image.size), top + min(image.size))
    return image.resize((SIDE, SIDE), Image.Resampling.BOX, box=square).tobytes()


def groups_alike(looks: Sequence[bytes]) -> list[list[int]]:
    """Returns groups of two or more similar pictures, as indices in `looks`.

    Args:
      looks: RGB bytes of thumbnails of `SIDE` x `SIDE` pixels.

    Two pictures are similar if fewer than 8 of 128 gradients differ and no pixel of the thumbnail
    differs by more than 20 of 255 levels. Groups are the connected components of this relation.
    """
    if len(looks) < 2:
        return []
    pixels = np.frombuffer(b"".join(looks), np.uint8).reshape(len(looks), -1)
    distinct, inverse = np.unique(pixels, axis=0, return_inverse=True)
    labels = _components(distinct)[inverse.reshape(-1)]
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    return sorted(group.tolist() for group in np.split(order, cuts) if len(group) > 1)


def _components(pixels: np.ndarray) -> np.ndarray:
    """The component of each thumbnail, int [N], from uint8 [N, SIDE * SIDE * 3]."""
    bits = _gradients(pixels)
    brightness = pixels.mean(1)
    packed = np.packbits(bits, axis=1).view(np.uint64)
    links = [np.zeros((2, 0), np.int64)]
    for band in _bands(bits):
        links += _pairs(pixels, packed, band, brightness)
    first, second = np.concatenate(links, axis=1)
    graph = coo_matrix((np.ones(len(first), bool), (first, second)), shape=(len(pixels),) * 2)
    return connected_components(graph, directed=False)[1]


def _gradients(pixels: np.ndarray) -> np.ndarray:
    grey = pixels.reshape(-1, SIDE, SIDE, 3).mean(-1)
    across = grey[:, : SIDE - 1, :-1] > grey[:, : SIDE - 1, 1:] + _MARGIN
    down = grey[:, :-1, : SIDE - 1] > grey[:, 1:, : SIDE - 1] + _MARGIN
    return np.concatenate([across, down], 1).reshape(len(pixels), -1)


def _bands(bits: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the values of each band, int [N]; the most informative bits are spread evenly."""
    telling = np.argsort(np.abs(bits.mean(0) - 0.5), kind="stable")
    for band in range(_BANDS):
        mine = bits[:, telling[band::_BANDS]]
        yield mine @ (1 << np.arange(mine.shape[1], dtype=np.int64))


def _pairs(
    pixels: np.ndarray, packed: np.ndarray, band: np.ndarray, brightness: np.ndarray
) -> list[np.ndarray]:
    """Returns int [2, pairs] arrays of similar pictures with the same value of `band`."""
    order = np.lexsort((brightness, band))
    sorted_band = band[order]
    found = []
    for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
        shared = np.flatnonzero(sorted_band[step:] == sorted_band[:-step])
        if not len(shared):
            break
        first, second = order[shared], order[shared + step]
        near = np.abs(brightness[first] - brightness[second]) <= _CLOSE
        first, second = first[near], second[near]
        alike = _bits_set(packed[first] ^ packed[second]).sum(1) < _BANDS
        first, second = first[alike], second[alike]
        gap = np.abs(pixels[first].astype(np.int16) - pixels[second]).max(1, initial=0)
        found.append(np.stack([first, second])[:, gap <= _CLOSE])
    return found


def _bits_set(words: np.ndarray) -> np.ndarray:
    """Number of bits set in each of uint64 [...], by adding neighbouring fields."""
    for width, mask in (
        (1, 0x5555555555555555),
        (2, 0x3333333333333333),
        (4, 0x0F0F0F0F0F0F0F0F),
    ):
        field = np.uint64(mask)
        words = (words & field) + ((words >> np.uint64(width)) & field)
    # The product has the sum of the eight bytes in its highest byte.
    return (words * np.uint64(0x0101010101010101)) >> np.uint64(56)


Placed = tuple[str, Facts]


def decoding(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Every picture must decode."""
    for split, rows in splits.items():
        broken = [row for row in rows if not row.look]
        if broken:
            yield Finding(
                "undecodable_picture",
                True,
                f"{len(broken)} pictures of {split}, first {broken[0].image_id}",
                "Replace them; ingestion by CaptionExampleGen rejects such pictures with a reason.",
                first_places(row.place for row in broken),
            )


def leakage(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """A picture must not be in two splits."""
    seen = {row.content: (split, row.image_id) for split in splits for row in splits[split]}
    for split, rows in splits.items():
        twice = [(row, seen[row.content]) for row in rows if seen[row.content][0] != split]
        if twice:
            row, (other, name) = twice[0]
            yield Finding(
                "leaked_picture",
                True,
                f"{len(twice)} pictures of {split} stand in another split too, "
                f"such as {row.image_id} as {name} in {other}",
                "Keep each picture in one split, or let content decide: --set ingest.resplit=true.",
                first_places(row.place for row, _ in twice),
            )


def lookalikes(splits: Splits, limits: CheckLimits) -> Iterator[Finding]:
    """Near duplicates make metrics optimistic across splits, and count double within one."""
    placed = [(split, row) for split, rows in splits.items() for row in rows if row.look]
    groups = [
        [placed[index] for index in group]
        for group in groups_alike([row.look for _, row in placed])
    ]
    for split in SPLITS:
        yield from _across(split, groups, splits, limits)
        yield from _within(split, groups, splits, limits)
    yield from _contradicting(groups, exclusive_groups(by_group(row) for row in everything(splits)))


def _across(
    split: str, groups: Sequence[Sequence[Placed]], splits: Splits, limits: CheckLimits
) -> Iterator[Finding]:
    if split == "train":
        return
    pairs = [
        (row, trained)
        for group in groups
        for trained in [next((row for name, row in group if name == "train"), None)]
        for name, row in group
        if name == split and trained is not None
    ]
    total = len(splits.get(split, ()))
    if len(pairs) > limits.max_similar_share * total:
        row, trained = pairs[0]
        yield Finding(
            "similar_pictures",
            False,
            f"{len(pairs)} of {total} pictures of {split} look like one of train, such as "
            f"{row.image_id} like {trained.image_id}",
            "Look at some; figures on near copies flatter the models. Leave them out, or give them "
            "the same split; ingest.resplit does not, for their pixels differ.",
            first_places(row.place for row, _ in pairs),
        )


def _within(
    split: str, groups: Sequence[Sequence[Placed]], splits: Splits, limits: CheckLimits
) -> Iterator[Finding]:
    inside = [[row for name, row in group if name == split] for group in groups]
    several = [rows for rows in inside if len(rows) > 1]
    count, total = sum(map(len, several)), len(splits.get(split, ()))
    if count > limits.max_similar_share * total:
        first, second, *_ = several[0]
        yield Finding(
            "near_duplicates",
            False,
            f"{count} of {total} pictures of {split} look like another of it, in {len(several)} "
            f"groups, such as {first.image_id} and {second.image_id}",
            "Keep one of each group unless they are meant to count several times.",
            first_places(row.place for rows in several for row in rows),
        )


def _contradicting(groups: Sequence[Sequence[Placed]], exclusive: set[str]) -> Iterator[Finding]:
    """Near duplicates with different values of an exclusive group."""
    found: list[tuple[str, Facts, Facts]] = []
    for group in groups:
        held = [(row, by_group(row)) for _, row in group]
        for name in exclusive:
            said = [(row, groups_of[name]) for row, groups_of in held if name in groups_of]
            commonest = Counter(frozenset(values) for _, values in said).most_common(1)
            usual = next((row for row, values in said if values == commonest[0][0]), None)
            found += [
                (name, row, usual) for row, values in said if usual and values != commonest[0][0]
            ]
    if found:
        name, row, usual = min(found, key=lambda one: (one[0], one[1].place))
        yield Finding(
            "contradicting_copies",
            False,
            f"{len(found)} pictures look like another one and have other values of its "
            f"attributes, such as {row.image_id} and {usual.image_id} in {name!r}",
            "See which of them is true.",
            first_places(row.place for _, row, _ in found),
        )
