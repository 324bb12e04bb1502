"""Exponential moving average of weights, counted in images."""

from __future__ import annotations

from keras import ops

RAMP = 0.05


def decay(images_seen, images: int, half_life: float):
    """Share of the old average kept by an update that comes `images` after the one before.

    The half-life is at most 5 % of the images seen so far, so that an early average is not the
    initial weights (StyleGAN2-ADA, training_loop.py, `ema_rampup`).
    """
    effective = ops.maximum(ops.minimum(float(half_life), RAMP * images_seen), 1e-6)
    return 0.5 ** (images / effective)


def update(averages, variables, keep) -> None:
    """Moves each average towards its variable: a <- keep * a + (1 - keep) * v."""
    for average, variable in zip(averages, variables, strict=True):
        average.assign(variable + keep * (average - variable))
