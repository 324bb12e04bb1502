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
      area: float[p, d], sum of the cover.
      energy: float[p, d, 2], sum of the cover's square, as it is and blurred.
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
    """Returns the factors that move a spectrum by (y, x) pixels, complex[..., 32, 17]."""
    down = np.exp(-2j * np.pi * by[..., 0, None] * fft.fftfreq(SIDE))
    right = np.exp(-2j * np.pi * by[..., 1, None] * fft.rfftfreq(SIDE))
    return down[..., :, None] * right[..., None, :]


def _blur() -> np.ndarray:
    """Returns the factors of a mean over 3 x 3 pixels, float[32, 17]."""
    down = (1 + 2 * np.cos(2 * np.pi * fft.fftfreq(SIDE))) / 3
    return down[:, None] * down[None, : SIDE // 2 + 1]


def _sum_weights() -> np.ndarray:
    """Returns the weights that make a sum over half a spectrum an inner product, float[17]."""
    twice = np.full(SIDE // 2 + 1, 2.0)
    twice[[0, -1]] = 1.0
    return twice / SIDE**2


@lru_cache(maxsize=1)
def _moves() -> np.ndarray:
    """Returns complex64[32 * 17, 2 * 9]: small moves of sharp and of blurred templates."""
    factors = np.conj(_shift(_MOVES)) * _sum_weights()
    both = np.concatenate([factors, factors * _blur()])
    return both.reshape(len(both), -1).T.astype(np.complex64)


def fit(cover: np.ndarray) -> Fit:
    """Returns how a shape that can be seen whole matches, by Tanimoto likeness.

    Templates of about the mask's area, sharp and blurred, are laid on its centre of mass.

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
