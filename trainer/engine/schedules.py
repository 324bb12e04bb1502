"""Schedules of learning rates and loss weights, and the moving average of weights."""

from __future__ import annotations

import math

from keras import ops

# Schedules are functions of progress, the fraction of the training that is done: float [], 0 to 1.


def warm_up(progress, warmup: float = 0.03):
    """Returns a factor of the learning rate: a linear rise over `warmup`, then 1."""
    return ops.minimum(progress / warmup, 1.0)


def warmup_cosine(progress, warmup: float = 0.03, floor: float = 0.05):
    """Returns a factor of the learning rate: a linear rise over `warmup`, then a cosine to `floor`.

    Source of the cosine: SGDR (Loshchilov and Hutter 2017), equation 5, without restarts.

    Args:
      progress: float [], 0 to 1.
      warmup: fraction of the training that the rise takes.
      floor: factor at the end of the training.
    """
    along = ops.clip((progress - warmup) / (1.0 - warmup), 0.0, 1.0)
    return warm_up(progress, warmup) * (
        floor + (1.0 - floor) * 0.5 * (1.0 + ops.cos(math.pi * along))
    )


def annealed(progress, end: float, start: float = 60.0, until: float = 0.6):
    """Returns a weight that falls geometrically from `start` to `end` and stays there.

    On the KL divergence this is the reverse of KL annealing (Bowman et al. 2016, section 3.1),
    whose weight rises because their decoder ignored the latent code. Here the generator would
    ignore the caption, so the noise is expensive at first.

    Args:
      progress: float [], 0 to 1.
      end: final weight; 0, or a value of at least `start`, is the weight throughout.
      start: initial weight.
      until: progress at which `end` is reached.
    """
    if not 0 < end < start:
        return end
    return end * (start / end) ** ops.maximum(1.0 - progress / until, 0.0)


def ramp(progress, share: float):
    """Returns a factor that rises linearly from 0 to 1 at progress `share`; 1 if `share` is 0."""
    return ops.minimum(progress / share, 1.0) if share else 1.0


# Exponential moving average of weights, counted in images.


RAMP = 0.05


def decay(images_seen, images: int, half_life: float):
    """Returns the decay of a moving average: the factor of the old average in an update.

    The half-life is capped at 5 % of the images seen so far, so that the initial weights vanish
    from an early average (StyleGAN2-ADA, training_loop.py, `ema_rampup`).

    Args:
      images_seen: images since the start of the training, float [].
      images: images since the last update of the average.
      half_life: half-life in images.
    """
    effective = ops.maximum(ops.minimum(float(half_life), RAMP * images_seen), 1e-6)
    return 0.5 ** (images / effective)


def update(averages, variables, keep) -> None:
    """Updates each average in place: a <- keep * a + (1 - keep) * v."""
    for average, variable in zip(averages, variables, strict=True):
        average.assign(variable + keep * (average - variable))
