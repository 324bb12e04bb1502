"""What a scene may be made of: names, colours, relations, and the random numbers behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (222, 32, 38),
    "green": (36, 158, 62),
    "blue": (36, 74, 222),
    "yellow": (255, 222, 0),
    "purple": (134, 48, 168),
    "orange": (245, 134, 16),
    "turquoise": (36, 202, 200),
    "pink": (250, 128, 196),
}
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (250, 250, 250),
    "grey": (150, 150, 150),
    "black": (18, 18, 18),
    "beige": (238, 220, 194),
}
STROKES: dict[str, tuple[int, int, int]] = {
    "white": (70, 70, 70),
    "grey": (45, 45, 45),
    "black": (205, 205, 205),
    "beige": (80, 70, 60),
}
"""Colour of the motion lines on each background."""

SECOND_TONE = 0.62
"""A texture's second tone is the colour itself times this, so that its name stays right."""

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
ROUND_SHAPES = ("circle", "ring")
SIZES = ("large", "small")
TEXTURES = ("plain", "striped", "dotted")
ACTIONS = ("rolling", "falling", "leaning")
RELATIONS = ("above", "below", "left of", "right of", "behind", "in front of")
INVERSE = {
    "above": "below",
    "below": "above",
    "left of": "right of",
    "right of": "left of",
    "behind": "in front of",
    "in front of": "behind",
}
COUNTS = ("one", "two", "three")
"""Names of the counts 1, 2 and 3."""

GRID = 32.0
"""Lengths in a scene are in pixels of a picture of this side, whatever it is drawn at."""

T = TypeVar("T")


def generator(seed: int, index: int) -> np.random.Generator:
    """Returns the stream of random numbers that belongs to picture `index` of `seed`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index])))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Returns a uniform number in [low, high)."""
    return low + (high - low) * rng.random()


def pick(rng: np.random.Generator, values: Sequence[T], weights: Sequence[float] = ()) -> T:
    """Returns one of `values`, uniformly or in proportion to `weights`.

    Only `Generator.random` is used: its stream is the same on every platform and numpy release.
    """
    if not weights:
        return values[math.floor(rng.random() * len(values))]
    left = rng.random() * sum(weights)
    for value, weight in zip(values, weights, strict=True):
        left -= weight
        if left < 0:
            return value
    return values[-1]
