"""What changes over a training: rates and weights by progress, the average of the weights."""

from __future__ import annotations

import math

from keras import ops

# Schedules as functions of progress, the share of the training that is done (0 to 1).


def warm_up(progress, warmup: float = 0.03):
    """Factor on a learning rate: a linear rise over `warmup`, then 1."""
    return ops.minimum(progress / warmup, 1.0)


def warmup_cosine(progress, warmup: float = 0.03, floor: float = 0.05):
    """Factor on a learning rate: a linear rise over `warmup`, then a cosine down to `floor`.

    Source of the cosine: SGDR (Loshchilov and Hutter 2017), equation 5, without restarts.
    """
    along = ops.clip((progress - warmup) / (1.0 - warmup), 0.0, 1.0)
    return warm_up(progress, warmup) * (
        floor + (1.0 - floor) * 0.5 * (1.0 + ops.cos(math.pi * along))
    )


def annealed(progress, end: float, start: float = 60.0, until: float = 0.6):
    """A weight that falls geometrically from `start` to `end` at `until`, and stays there.

    On a divergence it is KL annealing (Bowman et al. 2016, section 3.1) turned round: there noise
    was ignored for words, here words were ignored for noise. An `end` of 0, or above `start`, is
    the weight throughout.
    """
    if not 0 < end < start:
        return end
    return end * (start / end) ** ops.maximum(1.0 - progress / until, 0.0)


def ramp(progress, share: float):
    """Rises from 0 to 1 while `progress` goes from 0 to `share`; 1 throughout for a share of 0."""
    return ops.minimum(progress / share, 1.0) if share else 1.0


# Exponential moving average of weights, counted in images.


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
