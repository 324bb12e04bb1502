"""Judges pictures of scenes by their pixels alone: which colour, shape and relation is to be seen.

Every answer is the best among all alternatives and is then compared with the claim, so that a claim
about another picture comes out true by chance only: 1 in 8 colours, 1 in 6 shapes, 1 in 6
relations. The README of this room gives the measured shares on real scenes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from data.scenes import matching, palette, world
from data.scenes.claim import Claim

OVERLAP = 7.7
"""Objects behind one another have centres nearer than this on both axes, all others do not."""
TOUCHING = 8.8
"""The same before what is hidden has been filled in."""
LEAST_COUNTED = 0.4
"""Smallest counted object as a share of the largest."""


@dataclass(frozen=True)
class Thing:
    """What is seen in one colour: its name, likeness to each of `world.SHAPES`, and centre."""

    colour: str
    shape_scores: np.ndarray
    x: float
    y: float
    count: int

    @property
    def shape(self) -> str:
        """The most likely shape."""
        return world.SHAPES[int(self.shape_scores.argmax())]


@dataclass(frozen=True)
class Sight:
    """What is seen in a picture.

    Attributes:
      things: none, one or two, in different colours.
      relation: `things[0]` is RELATION `things[1]`; None unless there are two.
    """

    things: tuple[Thing, ...]
    relation: str | None

    @property
    def count(self) -> int:
        """How many objects there are in all."""
        return sum(thing.count for thing in self.things)


def see(image: np.ndarray) -> Sight:
    """Returns what is to be seen in a picture of a scene.

    Args:
      image: uint8[r, r, 3]; other sides than 32 are looked at as 32 x 32.

    Raises:
      ValueError: if `image` is not a square uint8 RGB picture.
    """
    found = palette.layers(_shrink(image))
    if len(found) < 2:
        return Sight(tuple(_alone(layer) for layer in found), None)
    one, other = found
    if _near(_middle(one), _middle(other), TOUCHING):
        return _see_overlap(one, other)
    things = tuple(_thing(layer, matching.fit(layer.cover)) for layer in found)
    return Sight(things, _direction(*things))


def verify(image: np.ndarray, claim: Claim) -> dict[str, bool]:
    """Returns whether a picture shows the first object claimed, by "colour", "shape", "relation".

    Each is judged by itself: the object whose colour is judged is found by the claimed shapes, the
    one whose shape is judged by the claimed colours, and the relation between the two by both.
    "relation" is there only if one is claimed.

    Args:
      image: uint8[r, r, 3].
      claim: what a caption says.
    """
    return judge(see(image), claim)


def judge(sight: Sight, claim: Claim) -> dict[str, bool]:
    """Returns the same as `verify` for a picture already seen."""
    verdict = {"colour": False, "shape": False}
    if sight.things:
        first, (by_colour, by_shape, by_place) = claim.objects[0], _evidence(sight, claim)
        of_shape = sight.things[int(np.argmax(by_shape))]
        of_colour = sight.things[int(np.argmax(by_colour + 0.1 * by_place))]
        subject = int(np.argmax(by_colour + 0.1 * by_shape))
        verdict = {
            "colour": of_shape.colour == first.colour,
            "shape": of_colour.shape == first.shape,
        }
    if claim.relation is not None:
        verdict["relation"] = bool(sight.things) and _relation(sight, subject) == claim.relation
    return verdict


def _evidence(sight: Sight, claim: Claim) -> np.ndarray:
    """Returns how much colour, shape and place say for each thing being the first one claimed.

    The other thing counts as the second one claimed. float[3, things].
    """
    rows = []
    for index, thing in enumerate(sight.things):
        others = sight.things[:index] + sight.things[index + 1 :]
        pairs = list(zip((thing, *others), claim.objects, strict=False))
        rows.append(
            (
                sum(seen.colour == said.colour for seen, said in pairs),
                sum(seen.shape_scores[world.SHAPES.index(said.shape)] for seen, said in pairs),
                _relation(sight, index) == claim.relation,
            )
        )
    return np.array(rows, np.float64).T


def _relation(sight: Sight, subject: int) -> str | None:
    """Returns the relation of thing `subject` to the other one."""
    if sight.relation is None or subject == 0:
        return sight.relation
    return world.INVERSE[sight.relation]


def _shrink(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape != (len(image), len(image), 3):
        raise ValueError(f"expected uint8[r, r, 3], got {image.dtype}{list(image.shape)}")
    if len(image) != matching.SIDE:
        side = (matching.SIDE, matching.SIDE)
        image = np.asarray(Image.fromarray(image).resize(side, Image.Resampling.BOX))
    return image.astype(np.float32)


def _alone(layer: palette.Layer) -> Thing:
    """Returns the one kind of thing in a picture; its parts are objects that look the same."""
    areas = np.bincount(layer.parts.ravel())[1:]
    counted = [part + 1 for part, area in enumerate(areas) if area >= LEAST_COUNTED * areas.max()]
    fits = [matching.fit(_part(layer, part)) for part in counted]
    scores = np.mean([one.scores for one in fits], axis=0)
    return Thing(layer.colour, scores, fits[0].x, fits[0].y, len(counted))


def _part(layer: palette.Layer, part: int) -> np.ndarray:
    """Returns the cover of one part with its soft edge."""
    near = ndimage.binary_dilation(layer.parts == part, np.ones((3, 3), bool))
    return np.where(near & ((layer.parts == part) | (layer.parts == 0)), layer.cover, 0.0)


def _thing(layer: palette.Layer, fit: matching.Fit) -> Thing:
    return Thing(layer.colour, fit.scores, fit.x, fit.y, 1)


def _see_overlap(one: palette.Layer, other: palette.Layer) -> Sight:
    """Tries both orders, what is in front seen whole, and returns what fits better."""
    tries = []
    for front, hidden in ((one, other), (other, one)):
        whole = matching.fit(front.cover)
        partly = matching.fit_hidden(hidden.cover, front.cover < 0.3)
        tries.append((_thing(front, whole), _thing(hidden, partly)))
    things = max(tries, key=lambda pair: sum(thing.shape_scores.max() for thing in pair))
    near = _near((things[0].x, things[0].y), (things[1].x, things[1].y), OVERLAP)
    return Sight(things, "in front of" if near else _direction(*things))


def _middle(layer: palette.Layer) -> tuple[float, float]:
    """Returns the middle (x, y) of the box around a layer."""
    rows, columns = np.nonzero(layer.parts)
    return (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2


def _near(one: tuple[float, float], other: tuple[float, float], distance: float) -> bool:
    return abs(one[0] - other[0]) < distance and abs(one[1] - other[1]) < distance


def _direction(one: Thing, other: Thing) -> str:
    dx, dy = one.x - other.x, one.y - other.y
    if abs(dx) > abs(dy):
        return "left of" if dx < 0 else "right of"
    return "above" if dy < 0 else "below"
