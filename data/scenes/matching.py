"""Recognises shapes by laying templates of all shapes, sizes and leanings over a mask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

from data.scenes import shapes, world

SIDE = int(world.GRID)
DIAMETERS = np.arange(7.5, 19.2, 0.75)
LEANING = np.deg2rad((0.0, 20.0, -20.0))
WHOLE_STEPS = (-1, 0, 1)
HIDDEN_STEPS = (0, 2, 4, 6)
"""Diameters tried, in steps from the one whose area is that of the mask."""
_MOVES = np.array([(dy, dx) for dy in (-0.5, 0.0, 0.5) for dx in (-0.5, 0.0, 0.5)])


@dataclass(frozen=True)
class Fit:
    """How a mask matches the shapes.

    Attributes:
      scores: float[6], likeness to each of `world.SHAPES`, 1 where they are the same.
      x, y: centre of the best template, in pixels.
    """

    scores: np.ndarray
    x: float
    y: float


@dataclass(frozen=True)
class _Bank:
    """Templates by [pose, diameter] with their centre of mass in the window's corner.

    Attributes:
      shape: int[p], index of the shape of each pose.
      area, energy: float[p, d], sums of the cover and of its square.
      centroid: float[p, d, 2], centre of mass (y, x) seen from the shape's own centre.
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
            [shapes.coverage(world.SHAPES[i], x, y, radius=d / 2, angle=a) for d in DIAMETERS]
            for i, a in poses
        ]
    )
    area = covers.sum((2, 3))
    centroid = np.stack([(covers * axis).sum((2, 3)) / area for axis in (y, x)], axis=-1)
    to_corner = _shift(-SIDE // 2 - centroid)
    return _Bank(
        np.array([index for index, _ in poses]),
        area,
        np.square(covers).sum((2, 3)),
        centroid,
        (fft.rfft2(covers) * to_corner).astype(np.complex64),
        (fft.rfft2(np.square(covers)) * to_corner).astype(np.complex64),
    )


def _shift(by: np.ndarray) -> np.ndarray:
    """Returns the factors that move a spectrum by (y, x) pixels, complex[..., 32, 17]."""
    down = np.exp(-2j * np.pi * by[..., 0, None] * fft.fftfreq(SIDE))
    right = np.exp(-2j * np.pi * by[..., 1, None] * fft.rfftfreq(SIDE))
    return down[..., :, None] * right[..., None, :]


@lru_cache(maxsize=1)
def _inner_moves() -> np.ndarray:
    """Returns complex64[32 * 17, 9]: small moves, weighted to make an inner product a sum."""
    twice = np.full(SIDE // 2 + 1, 2.0)
    twice[[0, -1]] = 1.0
    factors = np.conj(_shift(_MOVES)) * twice / SIDE**2
    return factors.reshape(len(_MOVES), -1).T.astype(np.complex64)


def fit(cover: np.ndarray) -> Fit:
    """Returns how a shape that can be seen whole matches, by Tanimoto likeness.

    Templates of about the mask's area are laid on its centre of mass.

    Args:
      cover: float32[32, 32] in [0, 1].
    """
    bank = _bank()
    chosen = _diameters(cover, WHOLE_STEPS)
    centre = _centroid(cover)
    spectrum = (fft.rfft2(cover) * np.conj(_shift(centre))).astype(np.complex64).reshape(-1, 1)
    templates = np.conj(bank.spectrum[chosen]).reshape(chosen[0].size, -1)
    inner = (templates @ (spectrum * _inner_moves())).real
    energy = bank.energy[chosen].reshape(-1, 1) + np.square(cover).sum()
    score = inner / (energy - inner)
    places = centre + _MOVES[score.argmax(1)] - bank.centroid[chosen].reshape(-1, 2)
    return _best(chosen, score.max(1), places)


def fit_hidden(cover: np.ndarray, known: np.ndarray) -> Fit:
    """Returns how a shape matches of which another one may hide a part.

    Args:
      cover: float32[32, 32] in [0, 1], what can be seen of it.
      known: bool[32, 32], false where the other one is.
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
    """Returns the best score of each shape, and the place (y, x) of the best template."""
    scores = np.zeros(len(world.SHAPES))
    np.maximum.at(scores, _bank().shape[chosen[0].ravel()], score)
    y, x = places[score.argmax()] + 0.5
    return Fit(scores, float(x), float(y))
