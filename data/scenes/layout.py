"""Samples the content and the layout of a scene from (seed, index)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from data.scenes import world
from data.scenes.world import Claim, ObjectClaim, between, pick

PAIR_SHARE = 0.75
ACTION_SHARE = 0.2
TEXTURE_WEIGHTS = (0.7, 0.15, 0.15)
DIAMETER = {"large": (13.6, 14.6), "small": (9.4, 10.4)}
HIDDEN_DIAMETER = (16.0, 17.5)
REACH = 0.55
"""Half of the box that holds a shape, leaning or not, as a share of its diameter."""
STROKE_ROOM = 4.5
GAP = 0.3
MARGIN = 0.4
JITTER = 1.5
"""How far a scene may stand from its place: enough to vary, little enough to learn in minutes."""
SLOTS = {1: ((0.0, 0.0),), 2: ((-7.6, 0.0), (7.6, 0.0)), 3: ((-7.6, -7.6), (7.6, -7.6), (0.0, 7.6))}
"""Where the figures of one kind stand, from the middle."""
TRIES = 12

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in `world.GRID` pixels."""


@dataclass(frozen=True)
class Figure:
    """One drawn object: centre and diameter in `world.GRID` pixels, angle in radians clockwise.

    `side` is +1 or -1: the side of a rolling figure's motion lines (right or left).
    """

    colour: str
    shape: str
    texture: str
    action: str | None
    x: float
    y: float
    diameter: float
    angle: float
    side: int

    def body(self) -> Box:
        """Returns the bounding box of the shape."""
        reach = REACH * self.diameter
        return self.x - reach, self.y - reach, self.x + reach, self.y + reach

    def strokes(self) -> tuple[Box, ...]:
        """Returns the bounding box of the motion lines, if there are any."""
        left, top, right, bottom = self.body()
        if self.action == "falling":
            return ((left, top - STROKE_ROOM, right, top),)
        if self.action == "rolling" and self.side > 0:
            return ((right, top, right + STROKE_ROOM, bottom),)
        if self.action == "rolling":
            return ((left - STROKE_ROOM, top, left, bottom),)
        return ()

    def boxes(self) -> tuple[Box, ...]:
        """Returns the bounding boxes of the shape and of its motion lines."""
        return (self.body(), *self.strokes())


@dataclass(frozen=True)
class Scene:
    """All facts about a picture, and its figures in drawing order."""

    facts: Claim
    figures: tuple[Figure, ...]

    def attributes(self) -> tuple[str, ...]:
        """Returns all facts about the scene as attribute names, `group:value`."""
        return self.facts.attributes()


def sample(rng: np.random.Generator) -> Scene:
    """Returns a random scene: two objects in a relation, or one to three of one kind."""
    core = _core(rng)
    while True:
        facts = _details(rng, core)
        place = _place_pair if facts.relation is not None else _place_alike
        for _ in range(TRIES):
            figures = place(rng, facts)
            if figures is not None:
                return Scene(facts, figures)


def _core(rng: np.random.Generator) -> Claim:
    """Returns colours and shapes, distinct within a pair, with a relation or a count."""
    colours, shapes = list(world.COLOURS), list(world.SHAPES)
    first = ObjectClaim(pick(rng, colours), pick(rng, shapes))
    if rng.random() >= PAIR_SHARE:
        return Claim((first,), count=1 + pick(rng, range(len(world.COUNTS))))
    colours.remove(first.colour)
    shapes.remove(first.shape)
    second = ObjectClaim(pick(rng, colours), pick(rng, shapes))
    return Claim((first, second), relation=pick(rng, world.RELATIONS))


def _details(rng: np.random.Generator, core: Claim) -> Claim:
    """Returns `core` with a random size, texture, action and background."""
    things = tuple(
        replace(
            thing,
            size=pick(rng, world.SIZES),
            texture=pick(rng, world.TEXTURES, TEXTURE_WEIGHTS),
            action=_action(rng, thing.shape) if rng.random() < ACTION_SHARE else None,
        )
        for thing in core.objects
    )
    if core.relation in ("behind", "in front of"):
        # Only a large shape can be recognised if a small one hides part of it.
        hidden = 0 if core.relation == "behind" else 1
        things = tuple(
            replace(thing, size="large" if index == hidden else "small")
            for index, thing in enumerate(things)
        )
    return replace(core, objects=things, background=pick(rng, tuple(world.BACKGROUNDS)))


def _action(rng: np.random.Generator, shape: str) -> str:
    """Returns an action that is visible on `shape`: round shapes roll, others lean."""
    return pick(rng, ("rolling" if shape in world.ROUND_SHAPES else "leaning", "falling"))


def _figure(
    rng: np.random.Generator, thing: ObjectClaim, diameter: tuple[float, float] | None = None
) -> Figure:
    """Returns a figure at the origin."""
    low, high = diameter or DIAMETER[str(thing.size)]
    lean = between(rng, 16, 24) * pick(rng, (-1, 1)) if thing.action == "leaning" else 0.0
    return Figure(
        colour=thing.colour,
        shape=thing.shape,
        texture=str(thing.texture),
        action=thing.action,
        x=0.0,
        y=0.0,
        diameter=between(rng, low, high),
        angle=math.radians(lean),
        side=pick(rng, (-1, 1)),
    )


def _place_pair(rng: np.random.Generator, facts: Claim) -> tuple[Figure, ...] | None:
    relation = str(facts.relation)
    if relation in ("behind", "in front of"):
        return _place_overlap(rng, facts)
    first, second = (_figure(rng, thing) for thing in facts.objects)
    near = REACH * (first.diameter + second.diameter) + 0.5
    apart, aside = between(rng, near, near + JITTER), between(rng, -JITTER, JITTER)
    sign = 1 if relation in ("below", "right of") else -1
    dx, dy = (aside, sign * apart) if relation in ("above", "below") else (sign * apart, aside)
    moved = replace(first, x=dx, y=dy)
    return _centre(rng, (second, moved)) if _clear(second, moved) else None


def _place_overlap(rng: np.random.Generator, facts: Claim) -> tuple[Figure, ...] | None:
    """Returns the hidden figure, then the small one in front of one of its four corners."""
    things = facts.objects if facts.relation == "behind" else facts.objects[::-1]
    hidden, front = _figure(rng, things[0], HIDDEN_DIAMETER), _figure(rng, things[1])
    dx, dy = (between(rng, 3.6, 4.6) * pick(rng, (-1, 1)) for _ in range(2))
    moved = replace(front, x=dx, y=dy)
    return _centre(rng, (hidden, moved)) if _clear(hidden, moved, bodies=False) else None


def _place_alike(rng: np.random.Generator, facts: Claim) -> tuple[Figure, ...] | None:
    """Returns `facts.count` figures that differ only in position."""
    model = _figure(rng, facts.objects[0])
    figures = tuple(
        replace(model, x=x + between(rng, -1.0, 1.0), y=y + between(rng, -1.0, 1.0))
        for x, y in SLOTS[facts.count or 1]
    )
    clear = all(_clear(one, other) for one, other in combinations(figures, 2))
    return _centre(rng, figures) if clear else None


def _overlap(one: Box, other: Box) -> bool:
    return all(
        one[axis] < other[axis + 2] + GAP and other[axis] < one[axis + 2] + GAP for axis in (0, 1)
    )


def _clear(one: Figure, other: Figure, bodies: bool = True) -> bool:
    """Returns whether no motion line, and with `bodies` no shape, overlaps the other figure."""
    meetings = [(a, b) for a in one.strokes() for b in other.boxes()]
    meetings += [(one.body(), b) for b in other.strokes()]
    if bodies:
        meetings.append((one.body(), other.body()))
    return not any(_overlap(a, b) for a, b in meetings)


def _hull(figures: Sequence[Figure]) -> Box:
    boxes = [box for figure in figures for box in figure.boxes()]
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _centre(rng: np.random.Generator, figures: tuple[Figure, ...]) -> tuple[Figure, ...] | None:
    """Moves the figures together to about the centre; returns None if they do not fit."""
    left, top, right, bottom = _hull(figures)
    free = world.GRID - 2 * MARGIN
    if right - left > free or bottom - top > free:
        return None
    dx, dy = (_shift(rng, low, high) for low, high in ((left, right), (top, bottom)))
    return tuple(replace(figure, x=figure.x + dx, y=figure.y + dy) for figure in figures)


def _shift(rng: np.random.Generator, low: float, high: float) -> float:
    """Returns a shift that moves [low, high] to about the centre and keeps it in the picture."""
    wanted = (world.GRID - low - high) / 2 + between(rng, -JITTER, JITTER)
    return min(max(wanted, MARGIN - low), world.GRID - MARGIN - high)
