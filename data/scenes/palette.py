"""Takes a picture of a scene apart by colour: which object explains which pixel, and how far."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import ndimage

from data.scenes import world

NAMES = tuple(world.COLOURS)
_COLOURS = np.array(list(world.COLOURS.values()), np.float32)
_GROUNDS = np.array(list(world.BACKGROUNDS.values()), np.float32)
_PAIRS = np.array(list(combinations(range(len(NAMES)), 2)))

GROUND_DISTANCE = 36.0
"""RGB distance from the background above which a pixel belongs to something drawn."""
RESIDUAL_CAP = 70.0
"""What one pixel may at most count against a pair of colours; motion lines are of neither."""
LEAST_AREA = 14
"""Smallest area of an object, in pixels of a 32 x 32 picture."""
LEAST_PART = 0.2
"""Smallest part of an object as a share of its largest part."""
_EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Layer:
    """All that is drawn in one colour.

    Attributes:
      colour: its name.
      cover: float32[h, w] in [0, 1], how much of each pixel it covers.
      parts: int32[h, w], 0 outside and 1..n in its n connected parts.
    """

    colour: str
    cover: np.ndarray
    parts: np.ndarray

    @property
    def area(self) -> float:
        """Covered area in pixels."""
        return float(self.cover.sum())


def background_of(image: np.ndarray) -> np.ndarray:
    """Returns the background's colour as it is in this picture, maybe off the palette, float32[3].

    The outermost pixels vote for a background; its colour is the median of those that win.

    Args:
      image: float32[h, w, 3], 0 to 255.
    """
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    nearest = np.square(border[:, None] - _GROUNDS).sum(-1).argmin(1)
    return np.median(border[nearest == np.bincount(nearest).argmax()], axis=0)


def layers(image: np.ndarray) -> list[Layer]:
    """Returns what is drawn in each of the at most two colours of a scene, largest first.

    A pixel is explained by a colour as a mixture of background, colour and the colour's second
    tone; the two colours are those that leave the least unexplained over the whole picture. Edges,
    stripes and dots so count for the object that they belong to.

    Args:
      image: float32[h, w, 3], 0 to 255.
    """
    ground = background_of(image)
    drawn = np.square(image - ground).sum(-1) > GROUND_DISTANCE**2
    pixels = image[drawn]
    if len(pixels) < LEAST_AREA:
        return []
    residual, alpha = _explain(pixels, ground)
    pair = _PAIRS[_costs(residual).argmin()]
    owner = residual[pair].argmin(0)
    found = [
        _layer(NAMES[colour], drawn, np.where(owner == place, alpha[colour], 0.0))
        for place, colour in enumerate(pair)
    ]
    kept = [layer for layer in found if layer is not None]
    return sorted(kept, key=lambda layer: -layer.area)


def _explain(pixels: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns residual and cover, float[8, n], of n pixels explained by each colour alone.

    The mixtures of background, colour and second tone fill a triangle in RGB space; the residual is
    the distance to it, the cover the share of the two tones in the nearest mixture.
    """
    first, second = _COLOURS - ground, _COLOURS * world.SECOND_TONE - ground
    offset = pixels - ground
    # Squared distance to u * first + v * second is a quadratic form in (u, v).
    on_first, on_second = first @ offset.T, second @ offset.T
    a, b, c = (
        (left * right).sum(-1)[:, None]
        for left, right in ((first, first), (first, second), (second, second))
    )
    u, v = _candidates(on_first, on_second, a, b, c)
    distance = -2 * (u * on_first + v * on_second) + a * u * u + 2 * b * u * v + c * v * v
    best = np.nanargmin(distance, axis=0)[None]
    square = np.take_along_axis(distance, best, 0)[0] + np.square(offset).sum(-1)
    return np.sqrt(np.maximum(square, 0)), np.take_along_axis(u + v, best, 0)[0]


def _candidates(
    on_first: np.ndarray, on_second: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (u, v), float[4, 8, n] each: nearest inside the triangle, or NaN, and by side."""
    slope = np.maximum(a * c - b * b, 1e-3)
    u, v = (c * on_first - b * on_second) / slope, (a * on_second - b * on_first) / slope
    inside = (u >= 0) & (v >= 0) & (u + v <= 1)
    zero = np.zeros_like(u)
    on_side = np.clip((on_first - on_second - b + c) / (a - 2 * b + c), 0, 1)
    return (
        np.stack([np.where(inside, u, np.nan), np.clip(on_first / a, 0, 1), zero, on_side]),
        np.stack([np.where(inside, v, np.nan), zero, np.clip(on_second / c, 0, 1), 1 - on_side]),
    )


def _costs(residual: np.ndarray) -> np.ndarray:
    """Returns what every pair of colours leaves unexplained, float[28]."""
    capped = np.minimum(residual, RESIDUAL_CAP)
    return np.minimum(capped[_PAIRS[:, 0]], capped[_PAIRS[:, 1]]).sum(-1)


def _layer(colour: str, drawn: np.ndarray, alpha: np.ndarray) -> Layer | None:
    """Returns the layer of the pixels covered by a colour, None if they make no object."""
    cover = np.zeros(drawn.shape, np.float32)
    cover[drawn] = alpha
    parts, _ = ndimage.label(cover > 0.5, _EIGHT)
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    if areas.max() < LEAST_AREA:
        return None
    kept = areas >= LEAST_PART * areas.max()
    parts = np.where(kept, np.cumsum(kept), 0)[parts].astype(np.int32)
    near = ndimage.binary_dilation(parts > 0, _EIGHT)
    return Layer(colour, np.where(near, cover, 0.0).astype(np.float32), parts)
