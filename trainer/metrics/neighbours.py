"""Distances between rows of two matrices, block by block: never an N x M matrix in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_BLOCK = 1024
# Rows enough for a point amid all.
_AMID = 128


def blocks(n: int, size: int) -> Iterator[slice]:
    """Yields slices of at most `size` rows that cover n rows in order."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def square_distances(one: np.ndarray, other: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields (rows of `one`, their squared distances [rows, M] to all of `other`), block by block.

    Args:
      one, other: float64 [N, d] and [M, d].

    Both are moved to the middle of `other` first, for |x - y|^2 = |x|^2 + |y|^2 - 2 xy loses the
    digits that the squares have in common. What is left of them is about `rounding`.
    """
    centre = _middle(other)
    one, other = one - centre, other - centre
    square = (other**2).sum(1)
    for rows in blocks(len(one), _BLOCK):
        part = one[rows]
        found = part @ other.T
        found *= -2.0
        found += (part**2).sum(1)[:, None]
        found += square
        yield rows, np.maximum(found, 0.0, out=found)


def rounding(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What squared distances of `square_distances` may be off by, row by row.

    Returns:
      float64 [N] and [M]: the sum of row i of one and row j of the other is below what cannot be
      told from 0 between these rows. A row far away makes its own distances coarse, and no others.
    """
    centre = _middle(other)
    scale = 1e-13 * np.sqrt(one.shape[1])
    first, second = (scale * ((x - centre) ** 2).sum(1) for x in (one, other))
    return first, second


def _middle(rows: np.ndarray) -> np.ndarray:
    """A point [d] amid the rows: the median of some, which no outlier moves away."""
    return np.median(rows[:: max(1, len(rows) // _AMID)], 0)


def nearest_others(features: np.ndarray, ranks: tuple[int, ...]) -> np.ndarray:
    """Squared distance of each row [N, d] to its k-th nearest other row.

    Args:
      features: float64 [N, d].
      ranks: each 1 or more and below N; 1 is the nearest.

    Returns:
      float64 [N, ranks].

    Raises:
      ValueError: too few rows for the largest rank.
    """
    n = len(features)
    if max(ranks) >= n:
        raise ValueError(f"{n} rows have no {max(ranks)}-th nearest other row")
    places = [rank - 1 for rank in ranks]
    result = np.empty((n, len(ranks)))
    for rows, found in square_distances(features, features):
        found[np.arange(len(found)), np.arange(rows.start, rows.stop)] = np.inf
        result[rows] = np.partition(found, places, axis=1)[:, places]
    return result


def features_of(*sets: np.ndarray, least: int = 2) -> list[np.ndarray]:
    """The sets as float64 [N, d].

    Raises:
      ValueError: they are no matrices of one width, hold NaN or infinity, or fewer than `least`
        rows.
    """
    found = [np.asarray(features, np.float64) for features in sets]
    shapes = [features.shape for features in found]
    if any(len(shape) != 2 or shape[1] != shapes[0][-1] for shape in shapes):
        raise ValueError(f"features {shapes} must be [N, d], of one width d")
    if min(shape[0] for shape in shapes) < least:
        raise ValueError(f"features {shapes}: {least} pictures or more are needed in each")
    if not all(np.isfinite(features).all() for features in found):
        raise ValueError("features hold NaN or infinity")
    return found
