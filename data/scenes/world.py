"""The possible content of scenes, claims about scenes, and whether a claim is true.

Also defines names, colours, relations and random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    """Returns the random number generator of picture `index` of `seed`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index])))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Returns a uniform number in [low, high)."""
    return low + (high - low) * rng.random()


def pick(rng: np.random.Generator, values: Sequence[T], weights: Sequence[float] = ()) -> T:
    """Returns one of `values`, uniformly or in proportion to `weights`.

    Uses only `Generator.random`, whose stream is the same on every platform and NumPy release.
    """
    if not weights:
        return values[math.floor(rng.random() * len(values))]
    left = rng.random() * sum(weights)
    for value, weight in zip(values, weights, strict=True):
        left -= weight
        if left < 0:
            return value
    return values[-1]


@dataclass(frozen=True)
class ObjectClaim:
    """Claims about one object; None means no claim. Values are those of this module."""

    colour: str
    shape: str
    size: str | None = None
    texture: str | None = None
    action: str | None = None

    def attributes(self) -> tuple[str, ...]:
        """Returns the claims about this object as attribute names."""
        names = [
            f"colour:{self.colour}",
            f"object:{self.shape}",
            f"{self.shape} colour:{self.colour}",
            f"{self.colour} shape:{self.shape}",
        ]
        for group in ("size", "texture", "action"):
            value = getattr(self, group)
            if value is not None:
                names.append(f"{self.shape} {group}:{value}")
        return tuple(names)


@dataclass(frozen=True)
class Claim:
    """The claims of a caption, or, with every field set, all facts about a scene.

    Attributes:
      objects: one kind of object, or two; `objects[0]` is the subject of `relation`.
      relation: `objects[0]` is RELATION `objects[1]`; None for one kind of object.
      count: 1 to 3 objects of one kind; None for two objects.
      background: name of the background's colour.
    """

    objects: tuple[ObjectClaim, ...]
    relation: str | None = None
    count: int | None = None
    background: str | None = None

    def places(self) -> tuple[str, ...]:
        """Returns the relation from both sides, or the count, as attribute names."""
        if self.relation is not None and len(self.objects) == 2:
            first, second = self.objects
            inverse = INVERSE[self.relation]
            return (f"{first.shape} place:{self.relation}", f"{second.shape} place:{inverse}")
        return () if self.count is None else (f"count:{COUNTS[self.count - 1]}",)

    def attributes(self) -> tuple[str, ...]:
        """Returns all claims as distinct attribute names, `group:value`."""
        names = [name for thing in self.objects for name in thing.attributes()]
        names.extend(self.places())
        if self.background is not None:
            names.append(f"background:{self.background}")
        return tuple(dict.fromkeys(names))


def truth(claim: Claim, attributes: Iterable[str]) -> dict[str, bool]:
    """Returns whether each claimed attribute is true.

    Args:
      claim: the claims of a caption.
      attributes: all attributes of the picture.
    """
    facts = frozenset(attributes)
    return {name: name in facts for name in claim.attributes()}


def named(claim: Claim, attributes: Iterable[str]) -> dict[str, bool]:
    """Returns whether `claim` names each attribute that a caption must name.

    A caption must name each object's colour and shape, and the relation or the count.

    Args:
      claim: the claims of a caption.
      attributes: all attributes of the picture.
    """
    said = frozenset(claim.attributes())
    return {name: name in said for name in attributes if _has_to_be_named(name)}


def is_right(claim: Claim | None, attributes: Iterable[str]) -> bool:
    """Returns whether all claims are true and everything that must be named is named.

    Args:
      claim: the claims of a caption; None, for a caption that does not parse, is not right.
      attributes: all attributes of the picture.
    """
    if claim is None:
        return False
    facts = tuple(attributes)
    return all(truth(claim, facts).values()) and all(named(claim, facts).values())


def _has_to_be_named(name: str) -> bool:
    group = name.rpartition(":")[0]
    return group in ("object", "count") or group.endswith((" colour", " place"))
