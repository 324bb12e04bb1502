"""Signed distances to the outlines of the shapes, for a nominal radius of one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

Points = np.ndarray
Distance = np.ndarray

RING_INNER = 0.48


def _polygon(corners: np.ndarray, x: Points, y: Points) -> Distance:
    """Returns the signed distance to a polygon that is its own mirror image in x.

    Args:
      corners: float[n, 2], the half with x >= 0 from the top to the bottom.
      x, y: positions, of one shape.
    """
    x = np.abs(x)
    nearest = np.full(x.shape, np.inf, x.dtype)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in pairwise(corners.tolist()):
        ex, ey, px, py = bx - ax, by - ay, x - ax, y - ay
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0.0, 1.0)
        nearest = np.minimum(nearest, (px - along * ex) ** 2 + (py - along * ey) ** 2)
        inside ^= ((ay > y) != (by > y)) & ((px * ey < ex * py) == (ey > 0))
    return np.where(inside, -1.0, 1.0).astype(x.dtype) * np.sqrt(nearest)


def _star_corners() -> np.ndarray:
    turn = np.arange(6) * np.pi / 5
    radius = np.where(np.arange(6) % 2 == 0, 1.14, 0.5)
    return np.stack([radius * np.sin(turn), 0.11 - radius * np.cos(turn)], axis=1)


_TRIANGLE = np.array([[0.0, -0.98], [1.04, 0.84], [0.0, 0.84]])
_STAR = _star_corners()


def _box(half_x: float, half_y: float, x: Points, y: Points) -> Distance:
    dx, dy = np.abs(x) - half_x, np.abs(y) - half_y
    outside = np.hypot(np.maximum(dx, 0.0), np.maximum(dy, 0.0))
    return outside + np.minimum(np.maximum(dx, dy), 0.0)


def _circle(x: Points, y: Points) -> Distance:
    return np.hypot(x, y) - 1.0


def _square(x: Points, y: Points) -> Distance:
    return _box(0.86, 0.86, x, y)


def _triangle(x: Points, y: Points) -> Distance:
    return _polygon(_TRIANGLE, x, y)


def _star(x: Points, y: Points) -> Distance:
    return _polygon(_STAR, x, y)


def _cross(x: Points, y: Points) -> Distance:
    return np.minimum(_box(1.02, 0.34, x, y), _box(0.34, 1.02, x, y))


def _ring(x: Points, y: Points) -> Distance:
    middle = (1.0 + RING_INNER) / 2
    return np.abs(np.hypot(x, y) - middle) - (1.0 - RING_INNER) / 2


SHAPE_DISTANCE: dict[str, Callable[[Points, Points], Distance]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
}


def coverage(
    shape: str, x: Points, y: Points, *, radius: float, angle: float, pixel: float = 1.0
) -> np.ndarray:
    """Returns how much of each sample a shape covers, in [0, 1], shaped as `x` and `y`.

    Args:
      shape: one of `world.SHAPES`.
      x, y: positions from the shape's centre, y downwards.
      radius: nominal radius, in the unit of `x` and `y`.
      angle: clockwise rotation in radians.
      pixel: side of one sample, in the unit of `x` and `y`.
    """
    cos, sin = np.cos(angle) / radius, np.sin(angle) / radius
    distance = SHAPE_DISTANCE[shape](x * cos + y * sin, y * cos - x * sin)
    return np.clip(0.5 - distance * (radius / pixel), 0.0, 1.0)
