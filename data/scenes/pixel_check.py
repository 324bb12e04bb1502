"""Recognises colours, shapes and relations in pictures of scenes from their pixels only.

A picture is segmented by colour, and each part is matched with templates of all shapes, sizes and
angles. Every answer is the best of all alternatives and is then compared with the claim, so a claim
about another picture is true only by chance: 1 in 8 colours, 1 in 6 shapes, 1 in 6 relations.
`data/scenes/README.md` gives measured rates on real scenes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from PIL import Image
from scipy import fft, ndimage

from data.scenes import drawing, world
from data.scenes.world import Claim

# Segmentation by colour.

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
    """Everything that is drawn in one colour.

    Attributes:
      colour: its name.
      cover: float32[h, w] in [0, 1], the fraction of each pixel that it covers.
      parts: int32[h, w], 0 outside and 1..n in its n connected components.
    """

    colour: str
    cover: np.ndarray
    parts: np.ndarray

    @property
    def area(self) -> float:
        """The covered area in pixels."""
        return float(self.cover.sum())


def background_of(image: np.ndarray) -> np.ndarray:
    """Returns the colour of the background in this picture, float32[3]; it may be off the palette.

    The border pixels vote for a background; its colour is the median of the winning ones.

    Args:
      image: float32[h, w, 3], 0 to 255.
    """
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    nearest = np.square(border[:, None] - _GROUNDS).sum(-1).argmin(1)
    return np.median(border[nearest == np.bincount(nearest).argmax()], axis=0)


def layers(image: np.ndarray) -> list[Layer]:
    """Returns the layers of a scene, one for each of at most two colours, largest first.

    A colour explains a pixel as a mixture of the background, the colour and its second tone. The
    two colours are those with the smallest residual over the whole picture. Edges, stripes and dots
    are thus part of their object.

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
    """Returns residual and cover, float[8, n], of n pixels for each colour alone.

    The mixtures of background, colour and second tone form a triangle in RGB space. The residual is
    the distance to it, the cover the fraction of both tones in the nearest mixture.
    """
    first, second = _COLOURS - ground, _COLOURS * world.SECOND_TONE - ground
    offset = pixels - ground
    # The squared distance to u * first + v * second is a quadratic form in (u, v).
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
    """Returns (u, v), float[4, 8, n] each: the nearest point inside the triangle, or NaN, and on
    each side."""
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
    """Returns the residual of every pair of colours, float[28]."""
    capped = np.minimum(residual, RESIDUAL_CAP)
    return np.minimum(capped[_PAIRS[:, 0]], capped[_PAIRS[:, 1]]).sum(-1)


def _layer(colour: str, drawn: np.ndarray, alpha: np.ndarray) -> Layer | None:
    """Returns the layer of the pixels covered by a colour; None if they form no object."""
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


# Template matching of shapes, sizes and angles.

SIDE = int(world.GRID)
DIAMETERS = np.arange(7.5, 19.2, 0.75)
LEANING = np.deg2rad((0.0, 20.0, -20.0))
WHOLE_STEPS = (-1, 0, 1)
HIDDEN_STEPS = (0, 2, 4, 6)
"""Diameters tried, in steps from the one whose area is that of the mask."""
_MOVES = np.array([(dy, dx) for dy in (-0.5, 0.0, 0.5) for dx in (-0.5, 0.0, 0.5)])


@dataclass(frozen=True)
class Fit:
    """The match of a mask with the shapes.

    Attributes:
      scores: float[6], similarity to each of `world.SHAPES`, 1 if identical.
      x, y: centre of the best template, in pixels.
    """

    scores: np.ndarray
    x: float
    y: float


@dataclass(frozen=True)
class _Bank:
    """Templates by [pose, diameter], with their centre of mass at the corner of the window.

    Attributes:
      shape: int[p], index of the shape of each pose.
      area: float[p, d], sum of the cover.
      energy: float[p, d, 2], sum of the cover's square, sharp and blurred.
      centroid: float[p, d, 2], centre of mass (y, x) relative to the shape's centre.
      spectrum, square_spectrum: complex64[p, d, 32, 17], of the cover and of its square.
    """

    shape: np.ndarray
    area: np.ndarray
    energy: np.ndarray
    centroid: np.ndarray
    spectrum: np.ndarray
    square_spectrum: np.ndarray


@lru_cache(maxsize=1)
def _bank() -> _Bank:
    grid = np.arange(SIDE) - SIDE // 2
    y, x = np.meshgrid(grid, grid, indexing="ij")
    poses = [
        (index, angle)
        for index, shape in enumerate(world.SHAPES)
        for angle in (LEANING[:1] if shape in world.ROUND_SHAPES else LEANING)
    ]
    covers = np.array(
        [
            [drawing.coverage(world.SHAPES[i], x, y, radius=d / 2, angle=a) for d in DIAMETERS]
            for i, a in poses
        ]
    )
    area = covers.sum((2, 3))
    centroid = np.stack([(covers * axis).sum((2, 3)) / area for axis in (y, x)], axis=-1)
    to_corner = _shift(-SIDE // 2 - centroid)
    spectrum = fft.rfft2(covers) * to_corner
    energy = [
        (np.square(np.abs(spectrum * by)) * _sum_weights()).sum((2, 3)) for by in (1, _blur())
    ]
    return _Bank(
        np.array([index for index, _ in poses]),
        area,
        np.stack(energy, axis=-1),
        centroid,
        spectrum.astype(np.complex64),
        (fft.rfft2(np.square(covers)) * to_corner).astype(np.complex64),
    )


def _shift(by: np.ndarray) -> np.ndarray:
    """Returns the factors that shift a spectrum by (y, x) pixels, complex[..., 32, 17]."""
    down = np.exp(-2j * np.pi * by[..., 0, None] * fft.fftfreq(SIDE))
    right = np.exp(-2j * np.pi * by[..., 1, None] * fft.rfftfreq(SIDE))
    return down[..., :, None] * right[..., None, :]


def _blur() -> np.ndarray:
    """Returns the factors of a mean over 3 x 3 pixels, float[32, 17]."""
    down = (1 + 2 * np.cos(2 * np.pi * fft.fftfreq(SIDE))) / 3
    return down[:, None] * down[None, : SIDE // 2 + 1]


def _sum_weights() -> np.ndarray:
    """Returns the weights with which a sum over half a spectrum is an inner product, float[17]."""
    twice = np.full(SIDE // 2 + 1, 2.0)
    twice[[0, -1]] = 1.0
    return twice / SIDE**2


@lru_cache(maxsize=1)
def _moves() -> np.ndarray:
    """Returns small shifts of sharp and of blurred templates, complex64[32 * 17, 2 * 9]."""
    factors = np.conj(_shift(_MOVES)) * _sum_weights()
    both = np.concatenate([factors, factors * _blur()])
    return both.reshape(len(both), -1).T.astype(np.complex64)


def fit(cover: np.ndarray) -> Fit:
    """Matches a shape that is fully visible, by Tanimoto similarity.

    Templates of about the mask's area, sharp and blurred, are aligned with its centre of mass.

    Args:
      cover: float32[32, 32] in [0, 1].
    """
    bank = _bank()
    chosen = _diameters(cover, WHOLE_STEPS)
    centre = _centroid(cover)
    spectrum = (fft.rfft2(cover) * np.conj(_shift(centre))).astype(np.complex64).reshape(-1, 1)
    templates = np.conj(bank.spectrum[chosen]).reshape(chosen[0].size, -1)
    inner = (templates @ (spectrum * _moves())).real.reshape(len(templates), 2, len(_MOVES))
    energy = bank.energy[chosen].reshape(-1, 2, 1) + np.square(cover).sum()
    score = (inner / (energy - inner)).reshape(len(templates), -1)
    places = centre + _MOVES[score.argmax(1) % len(_MOVES)] - bank.centroid[chosen].reshape(-1, 2)
    return _best(chosen, score.max(1), places)


def fit_hidden(cover: np.ndarray, known: np.ndarray) -> Fit:
    """Matches a shape that another one may partly hide.

    Args:
      cover: float32[32, 32] in [0, 1], its visible part.
      known: bool[32, 32], false where the other shape is.
    """
    bank = _bank()
    chosen = _diameters(cover, HIDDEN_STEPS)
    inner = _correlate(bank.spectrum[chosen], cover)
    energy = _correlate(bank.square_spectrum[chosen], known) + np.square(cover).sum()
    score = (inner / np.maximum(energy - inner, 1.0)).reshape(chosen[0].size, -1)
    place = score.argmax(1)
    corner = np.stack(np.divmod(place, SIDE), axis=1)
    return _best(chosen, score.max(1), corner - bank.centroid[chosen].reshape(-1, 2))


def _correlate(spectra: np.ndarray, picture: np.ndarray) -> np.ndarray:
    spectrum = fft.rfft2(picture.astype(np.float32))
    return fft.irfft2(np.conj(spectra) * spectrum, s=(SIDE, SIDE))


def _diameters(cover: np.ndarray, steps: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Returns indices (pose, diameter), [p, len(steps)] each, of templates to try."""
    area = _bank().area
    nearest = np.abs(area - cover.sum()).argmin(1)
    columns = np.clip(nearest[:, None] + np.array(steps), 0, len(DIAMETERS) - 1)
    return np.arange(len(area))[:, None] + np.zeros_like(columns), columns


def _centroid(cover: np.ndarray) -> np.ndarray:
    grid = np.arange(SIDE)
    return np.array([cover.sum(1) @ grid, cover.sum(0) @ grid]) / max(float(cover.sum()), 1e-6)


def _best(chosen: tuple[np.ndarray, np.ndarray], score: np.ndarray, places: np.ndarray) -> Fit:
    """Returns the best score of each shape, and the position (y, x) of the best template."""
    scores = np.zeros(len(world.SHAPES))
    np.maximum.at(scores, _bank().shape[chosen[0].ravel()], score)
    y, x = places[score.argmax()] + 0.5
    return Fit(scores, float(x), float(y))


# The objects in a picture, and whether a claim about them is true.

OVERLAP = 7.7
"""Objects behind one another have centres nearer than this on both axes, all others do not."""
TOUCHING = 8.8
"""The same before what is hidden has been filled in."""
LEAST_COUNTED = 0.4
"""Smallest counted object as a share of the largest."""


@dataclass(frozen=True)
class Thing:
    """The object in one colour: its colour, similarity to each of `world.SHAPES`, and centre."""

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
    """The recognised content of a picture.

    Attributes:
      things: up to two objects, in different colours.
      relation: `things[0]` is RELATION `things[1]`; None unless there are two.
    """

    things: tuple[Thing, ...]
    relation: str | None

    @property
    def count(self) -> int:
        """Total number of objects."""
        return sum(thing.count for thing in self.things)


def see(image: np.ndarray) -> Sight:
    """Recognises the objects in a picture of a scene.

    Args:
      image: uint8[r, r, 3]; resized to 32 x 32.

    Raises:
      ValueError: `image` is not a square uint8 RGB picture.
    """
    found = layers(_shrink(image))
    if len(found) < 2:
        return Sight(tuple(_alone(layer) for layer in found), None)
    one, other = found
    if _near(_middle(one), _middle(other), TOUCHING):
        return _see_overlap(one, other)
    things = tuple(_thing(layer, fit(layer.cover)) for layer in found)
    return Sight(things, _direction(*things))


def verify(image: np.ndarray, claim: Claim) -> dict[str, bool]:
    """Checks the claims about the first object: "colour", "shape" and "relation".

    Each claim is checked separately. To check the colour, the object is found by the claimed
    shapes; to check the shape, by the claimed colours; to check the relation, by both. The result
    has "relation" only if a relation is claimed.

    Args:
      image: uint8[r, r, 3].
      claim: the claims of a caption.
    """
    return judge(see(image), claim)


def judge(sight: Sight, claim: Claim) -> dict[str, bool]:
    """As `verify`, for the result of `see`."""
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
    """Scores each thing as the first claimed object by colour, shape and place: float[3, things].

    The other thing counts as the second claimed object.
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
    if len(image) != SIDE:
        side = (SIDE, SIDE)
        image = np.asarray(Image.fromarray(image).resize(side, Image.Resampling.BOX))
    return image.astype(np.float32)


def _alone(layer: Layer) -> Thing:
    """Returns the only kind of thing in a picture; its parts are identical objects."""
    areas = np.bincount(layer.parts.ravel())[1:]
    counted = [part + 1 for part, area in enumerate(areas) if area >= LEAST_COUNTED * areas.max()]
    fits = [fit(_part(layer, part)) for part in counted]
    scores = np.mean([one.scores for one in fits], axis=0)
    return Thing(layer.colour, scores, fits[0].x, fits[0].y, len(counted))


def _part(layer: Layer, part: int) -> np.ndarray:
    """Returns the cover of one part with its antialiased edge."""
    near = ndimage.binary_dilation(layer.parts == part, np.ones((3, 3), bool))
    return np.where(near & ((layer.parts == part) | (layer.parts == 0)), layer.cover, 0.0)


def _thing(layer: Layer, fit: Fit) -> Thing:
    return Thing(layer.colour, fit.scores, fit.x, fit.y, 1)


def _see_overlap(one: Layer, other: Layer) -> Sight:
    """Tries both depth orders, with the front object fully visible, and returns the better fit."""
    tries = []
    for front, hidden in ((one, other), (other, one)):
        whole = fit(front.cover)
        partly = fit_hidden(hidden.cover, front.cover < 0.3)
        tries.append((_thing(front, whole), _thing(hidden, partly)))
    things = max(tries, key=lambda pair: sum(thing.shape_scores.max() for thing in pair))
    near = _near((things[0].x, things[0].y), (things[1].x, things[1].y), OVERLAP)
    return Sight(things, "in front of" if near else _direction(*things))


def _middle(layer: Layer) -> tuple[float, float]:
    """Returns the centre (x, y) of a layer's bounding box."""
    rows, columns = np.nonzero(layer.parts)
    return (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2


def _near(one: tuple[float, float], other: tuple[float, float], distance: float) -> bool:
    return abs(one[0] - other[0]) < distance and abs(one[1] - other[1]) < distance


def _direction(one: Thing, other: Thing) -> str:
    dx, dy = one.x - other.x, one.y - other.y
    if abs(dx) > abs(dy):
        return "left of" if dx < 0 else "right of"
    return "above" if dy < 0 else "below"
