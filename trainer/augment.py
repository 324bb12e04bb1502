"""Augmentation: of what a discriminator sees, as much as is needed, and of what an encoder sees."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import tensorflow as tf

from trainer.config import EncoderSettings, GeneratorSettings
from trainer.engine.randomness import fold, uniform

# Differentiable augmentation of what the discriminator sees.
#
# Source: DiffAugment (Zhao et al. 2020), section 3; the same kinds of change, drawn independently
# for each picture, applied to real and generated pictures alike.


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


# Views of pictures: changed at random so that their captions stay true.
#
# What is learned from few pictures must not hang on their very pixels. Crops are those of Szegedy
# et al. 2015, section 6 (area and aspect at random), with a milder smallest area.


ASPECT = 4 / 3


def view(images: tf.Tensor, settings: EncoderSettings, seed: tf.Tensor) -> tf.Tensor:
    """Draws a view of each picture.

    Args:
      images: float32 [N, R, R, 3] in [-1, 1].
      settings: which changes there are (`shift`, `crop`, `flip`, `colour`, `cutout`), how large.
      seed: int32 [2]; the same seed gives the same views.
    """
    if settings.shift:
        images = translation(images, fold(seed, 2), settings.shift / images.shape[1])
    if settings.crop < 1:
        images = random_crop(images, fold(seed, 4), settings.crop)
    if settings.flip:
        draw = uniform(fold(seed, 3), [tf.shape(images)[0], 1, 1, 1])
        images = tf.where(draw < 0.5, images[:, :, ::-1], images)
    if settings.colour:
        images = tf.clip_by_value(colour(images, fold(seed, 5), settings.colour), -1.0, 1.0)
    if settings.cutout:
        images = cutout(images, fold(seed, 6), settings.cutout)
    return images


def random_crop(images: tf.Tensor, seed: tf.Tensor, smallest: float) -> tf.Tensor:
    """Enlarges a part of each picture, at a random place, to the whole.

    Its area is `smallest` to 1 of the picture's, evenly; width by height is 3/4 to 4/3, evenly in
    its logarithm, and less far from 1 where the part would not fit.

    Args:
      images: float32 [N, R, R, 3].
      seed: int32 [2].
      smallest: above 0, at most 1.
    """
    count, side = tf.shape(images)[0], images.shape[1]
    area, stretch, down, right = (
        uniform(fold(seed, index), [count], low, high)
        for index, (low, high) in enumerate([(smallest, 1.0), (-1.0, 1.0), (0.0, 1.0), (0.0, 1.0)])
    )
    aspect = ASPECT**stretch
    height = tf.minimum(tf.sqrt(area / aspect), 1.0)
    width = tf.minimum(tf.sqrt(area * aspect), 1.0)
    top, left = down * (1.0 - height), right * (1.0 - width)
    boxes = tf.stack([top, left, top + height, left + width], axis=1)
    return tf.image.crop_and_resize(images, boxes, tf.range(count), [side, side])


# Whether captions name colours, so that changed colours would contradict them.


# Basic colour terms (Berlin and Kay 1969) without orange, which is a fruit too.
WORDS = frozenset(
    [
        "black",
        "white",
        "red",
        "green",
        "yellow",
        "blue",
        "brown",
        "purple",
        "pink",
        "grey",
        "gray",
        "黑",
        "白",
        "红",
        "绿",
        "黄",
        "蓝",
        "棕",
        "紫",
        "粉",
        "灰",
    ]
)
FEWEST = 3


def name_colours(pieces: Iterable[str]) -> bool:
    """True where a vocabulary holds several colours: one alone may be a name.

    Args:
      pieces: tokens, as the captions' tokeniser writes them.
    """
    return len(WORDS.intersection(pieces)) >= FEWEST


# Adaptive discriminator augmentation: as much as keeps the discriminator from overfitting.
#
# Source: StyleGAN2-ADA (Karras et al. 2020), section 3; the changes themselves are DiffAugment's.


# Of each kind, at most, that a held-out check takes the overfitting of.
GAP_PICTURES = 256


class Augmentation:
    """What discriminators see of pictures.

    Attributes:
      probability: float32 [], of each policy for each picture; 1 where it does not adapt.
      variables: what a checkpoint must hold.
    """

    def __init__(self, settings: GeneratorSettings, colours_named: bool = True):
        """With `colours_named` in the captions, colours are changed by less."""
        self.settings, adapts = settings, settings.augment_adaptive
        by_captions = GENTLE if colours_named else 1.0
        chosen = settings.augment_colour
        self.colour_strength = by_captions if chosen is None else chosen
        first = 0.0 if adapts else 1.0
        self.probability = keras.Variable(first, trainable=False, name="augment_probability")
        self.variables = [self.probability] if adapts else []

    def __call__(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Changes float [N, R, R, 3] pictures in [-1, 1]; seed int32 [2]."""
        probability = self.probability.value if self.variables else None
        return augment(images, self.settings.augment, seed, probability, self.colour_strength)

    def control(self, train: tf.Tensor, held_out: tf.Tensor, fake: tf.Tensor, images: int) -> None:
        """Moves the probability a step towards the target.

        Args:
          train, held_out, fake: float32 logits of training, held-out and generated pictures.
          images: pictures seen since the last step.
        """
        over = overfitting(train, held_out, fake) - self.settings.augment_target
        reach = images / self.settings.augment_images
        moved = self.probability.value + tf.sign(over) * reach
        self.probability.assign(tf.clip_by_value(moved, 0.0, 1.0))


def overfitting(train: tf.Tensor, held_out: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """How far logits of held-out pictures have gone from training ones towards generated ones.

    0: the discriminator treats both alike; 1: it takes held-out pictures for generated ones
    (Karras et al. 2020, equation 1, r_v). Where training and generated pictures are not told apart
    it is 0.

    Args:
      train, held_out, fake: float32 [any].

    Returns:
      float32 [].
    """
    train, held_out, fake = (tf.reduce_mean(logits) for logits in (train, held_out, fake))
    return tf.math.divide_no_nan(train - held_out, tf.maximum(train - fake, 0.0))
