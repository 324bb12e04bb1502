"""Sides and widths of the grids between a seed and a picture."""

from __future__ import annotations

LARGEST_SEED = 7


def seed_side(resolution: int) -> int:
    """The side that generators grow from and discriminators end at: at most 7.

    Pictures of 28 pixels have a seed of 7 x 7, those of a power of two one of 4 x 4.
    """
    side = resolution
    while side > LARGEST_SEED:
        side //= 2
    return side


def channels(width: int, side: int, top: int, widest: int) -> int:
    """`width` at the side `top`, doubled with each halving, at most `widest` times as many."""
    return width * min(widest, max(1, top // side))


def at(side: int) -> str:
    """The name of a layer that is known by the side of its grid, see `trainer.transfer.names`."""
    return f"at_{side}"
