"""Differentiable augmentation of what the discriminator sees.

Source: DiffAugment (Zhao et al. 2020), section 3; the same kinds of change, drawn independently for
each picture, applied to real and generated pictures alike.
"""

from __future__ import annotations

import tensorflow as tf

from trainer.randomness import fold, uniform

# Strength of colour changes where captions name colours, which must stay what they are.
GENTLE = 1 / 3


def augment(
    images: tf.Tensor,
    policies: tuple[str, ...],
    seed: tf.Tensor,
    probability: tf.Tensor | None = None,
    colour_strength: float = GENTLE,
) -> tf.Tensor:
    """Applies `policies` in order.

    Args:
      images: float [N, R, R, 3] in [-1, 1].
      policies: names out of `POLICIES`.
      seed: int32 [2]; the same seed gives the same change.
      probability: float32 [], of each policy for each picture; None applies all.
      colour_strength: as for `colour`.
    """
    for index, name in enumerate(policies):
        strength = (colour_strength,) if name == "colour" else ()
        changed = POLICIES[name](images, fold(seed, index), *strength)
        if probability is not None:
            draw = uniform(fold(seed, ~index), [tf.shape(images)[0], 1, 1, 1])
            changed = tf.where(draw < probability, changed, images)
        images = changed
    return images


def colour(images: tf.Tensor, seed: tf.Tensor, strength: float = GENTLE) -> tf.Tensor:
    """Brightness +-0.5, saturation x 0 to 2, contrast x 0.5 to 1.5, all times `strength`."""
    count = tf.shape(images)[0]
    shift, saturation, contrast = (
        tf.cast(uniform(fold(seed, i), [count, 1, 1, 1], -1.0, 1.0), images.dtype) for i in range(3)
    )
    images = images + shift * (strength / 2)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = grey + (images - grey) * (1 + saturation * strength)
    level = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return level + (images - level) * (1 + contrast * (strength / 2))


def translation(images: tf.Tensor, seed: tf.Tensor, share: float = 0.125) -> tf.Tensor:
    """Shifts each picture by up to `share` of its side; what enters is grey (0)."""
    count, side = tf.shape(images)[0], images.shape[1]
    reach = max(1, round(side * share))
    down, right = (
        _shift_matrix(
            uniform(fold(seed, i), [count], -reach, reach + 1, tf.int32),
            side,
            images.dtype,
        )
        for i in range(2)
    )
    # Two small matrix products are several times faster than a gather, and so is their gradient.
    return tf.einsum("nij,njkc,nlk->nilc", down, images, right, optimize="greedy")


def cutout(images: tf.Tensor, seed: tf.Tensor, share: float = 0.4) -> tf.Tensor:
    """Greys out a square of `share` of the side at a random place, at least partly inside.

    The share is ours; DiffAugment has 0.5.
    """
    count, side = tf.shape(images)[0], images.shape[1]
    half = side * share / 2
    # Where pixels have their middles: without the half, the last rows are cut more often.
    place = tf.range(side, dtype=tf.float32)[None, :] + 0.5

    def outside(axis: int) -> tf.Tensor:
        centre = uniform(fold(seed, axis), [count, 1], 0.0, float(side))
        return tf.abs(place - centre) > half

    kept = tf.logical_or(outside(0)[:, :, None], outside(1)[:, None, :])
    return images * tf.cast(kept[..., None], images.dtype)


def _shift_matrix(offset: tf.Tensor, side: int, dtype: tf.DType) -> tf.Tensor:
    """[N, side, side] matrices that move a row vector by `offset` [N] places."""
    target = tf.range(side)[None, :, None]
    source = tf.range(side)[None, None, :]
    return tf.cast(tf.equal(target - source, offset[:, None, None]), dtype)


POLICIES = {"colour": colour, "translation": translation, "cutout": cutout}
