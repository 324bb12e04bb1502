"""Draws a scene at any resolution with signed distances and two samples per pixel and axis.

Distances of shapes are for a nominal radius of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise, product

import numpy as np

from data.scenes import world
from data.scenes.layout import Box, Figure, Scene

Points = np.ndarray
Distance = np.ndarray

RING_INNER = 0.48


def _polygon(corners: np.ndarray, x: Points, y: Points) -> Distance:
    """Returns the signed distance to a polygon that is symmetric in x.

    Args:
      corners: float[n, 2], the half with x >= 0 from top to bottom.
      x, y: positions, arrays of the same shape.
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
    """Returns the fraction of each sample that a shape covers, in the shape of `x` and `y`.

    Args:
      shape: one of `world.SHAPES`.
      x, y: positions relative to the shape's centre, y downwards.
      radius: nominal radius, in the unit of `x` and `y`.
      angle: clockwise rotation in radians.
      pixel: side of one sample, in the unit of `x` and `y`.
    """
    cos, sin = np.cos(angle) / radius, np.sin(angle) / radius
    distance = SHAPE_DISTANCE[shape](x * cos + y * sin, y * cos - x * sin)
    return np.clip(0.5 - distance * (radius / pixel), 0.0, 1.0)


SAMPLES = 2
PERIOD = 4.4
"""Distance between stripes and between dots, in `world.GRID` pixels."""
STROKE_RADIUS = 0.42
LINES = ((-0.28, 0.6), (0.0, 1.0), (0.28, 0.6))
"""Motion lines as (place across the figure's diameter, length)."""


def draw(scene: Scene, resolution: int) -> np.ndarray:
    """Returns the picture of `scene`, uint8[resolution, resolution, 3].

    Raises:
      ValueError: `resolution` is below 8 pixels, where shapes cannot be distinguished.
    """
    if resolution < 8:
        raise ValueError(f"resolution is {resolution}; a scene needs 8 pixels or more a side")
    background = str(scene.facts.background)
    side = resolution * SAMPLES
    canvas = np.empty((side, side, 3), np.float32)
    canvas[:] = world.BACKGROUNDS[background]
    for figure in scene.figures:
        for line in _motion_lines(figure):
            _paint_line(canvas, line, world.STROKES[background])
    for figure in scene.figures:
        _paint_figure(canvas, figure)
    steps = range(SAMPLES)
    pixels = np.mean(
        [canvas[down::SAMPLES, right::SAMPLES] for down in steps for right in steps], 0
    )
    return np.rint(pixels).astype(np.uint8)


def _window(canvas: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Returns the part of the canvas in `box`, x and y of its samples, and the side of a sample."""
    side = canvas.shape[0]
    sample = world.GRID / side
    left, top = (max(0, math.floor(edge / sample) - 1) for edge in box[:2])
    right, bottom = (min(side, math.ceil(edge / sample) + 1) for edge in box[2:])
    x = (np.arange(left, right, dtype=np.float32) + 0.5) * sample
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5) * sample
    return canvas[top:bottom, left:right], x[None, :], y[:, None], sample


def _paint_figure(canvas: np.ndarray, figure: Figure) -> None:
    part, x, y, sample = _window(canvas, figure.body())
    x, y = np.broadcast_arrays(x - figure.x, y - figure.y)
    cover = coverage(
        figure.shape, x, y, radius=figure.diameter / 2, angle=figure.angle, pixel=sample
    )
    colour = np.array(world.COLOURS[figure.colour], np.float32)
    if figure.texture != "plain":
        second = _texture(figure, x, y, sample)
        colour = colour * (1 - (1 - world.SECOND_TONE) * second[..., None])
    _blend(part, cover, colour)


def _texture(figure: Figure, x: np.ndarray, y: np.ndarray, sample: float) -> np.ndarray:
    """Returns the fraction of the second tone in each sample."""
    cos, sin = math.cos(figure.angle), math.sin(figure.angle)
    u, v = x * cos + y * sin, y * cos - x * sin
    # Distance to the centre of the nearest stripe or dot, on a grid through the figure's centre.
    across = np.abs((v + PERIOD / 2) % PERIOD - PERIOD / 2)
    if figure.texture == "striped":
        return np.clip(0.5 - (across - PERIOD / 4) / sample, 0.0, 1.0)
    along = np.abs((u + PERIOD / 2) % PERIOD - PERIOD / 2)
    return np.clip(0.5 - (np.hypot(across, along) - 0.3 * PERIOD) / sample, 0.0, 1.0)


def _motion_lines(figure: Figure) -> Iterator[Box]:
    """Yields the motion lines (x0, y0, x1, y1) of the figure's action."""
    for box, (share, length) in product(figure.strokes(), LINES):
        left, top, right, bottom = box
        if figure.action == "falling":
            x = figure.x + share * figure.diameter
            yield x, bottom - 0.8, x, bottom - 0.8 - length * (bottom - top - 1.6)
        else:
            y = figure.y + share * figure.diameter
            near, far = (left, right) if figure.side > 0 else (right, left)
            yield near + 0.8 * figure.side, y, near + (far - near) * (0.18 + 0.64 * length), y


def _paint_line(canvas: np.ndarray, line: Box, colour: tuple[int, int, int]) -> None:
    x0, y0, x1, y1 = line
    box = (min(x0, x1) - 1, min(y0, y1) - 1, max(x0, x1) + 1, max(y0, y1) + 1)
    part, x, y, sample = _window(canvas, box)
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
    distance = np.hypot(x - x0 - along * dx, y - y0 - along * dy) - STROKE_RADIUS
    _blend(part, np.clip(0.5 - distance / sample, 0.0, 1.0), np.array(colour, np.float32))


def _blend(part: np.ndarray, cover: np.ndarray, colour: np.ndarray) -> None:
    part += cover[..., None] * (colour - part)
