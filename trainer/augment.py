"""Augmentation of the discriminator's pictures (DiffAugment, adaptive) and random views."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import tensorflow as tf

from trainer.config import EncoderSettings, GeneratorSettings
from trainer.engine.randomness import fold, uniform

# Differentiable augmentation of the discriminator's input.
#
# Source: DiffAugment (Zhao et al. 2020), section 3. Real and generated pictures get the same kinds
# of change, drawn independently for each picture.


# Strength of colour changes if captions name colours, which must stay true.
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
      policies: keys of `POLICIES`.
      seed: int32 [2]; the same seed gives the same changes.
      probability: float32 [], of applying each policy to each picture; None applies all.
      colour_strength: `strength` of `colour`.

    Returns:
      float [N, R, R, 3]; `colour` may leave [-1, 1].
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
    """Changes brightness by +-0.5, saturation by x 0 to 2 and contrast by x 0.5 to 1.5.

    Args:
      images: float [N, R, R, 3] in [-1, 1].
      seed: int32 [2].
      strength: factor of the three changes.
    """
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
    """Shifts each picture by up to `share` of its side; the border is filled with grey (0).

    Args:
      images: float [N, R, R, 3] in [-1, 1].
      seed: int32 [2].
      share: largest shift, as a fraction of the side.
    """
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
    # Two small matrix products are several times faster than a gather, also in the gradient.
    return tf.einsum("nij,njkc,nlk->nilc", down, images, right, optimize="greedy")


def cutout(images: tf.Tensor, seed: tf.Tensor, share: float = 0.4) -> tf.Tensor:
    """Sets a square of `share` of the side to grey, at a random position at least partly inside.

    Args:
      images: float [N, R, R, 3] in [-1, 1].
      seed: int32 [2].
      share: side of the square, as a fraction of the picture's. DiffAugment has 0.5; the default
        here is smaller.
    """
    count, side = tf.shape(images)[0], images.shape[1]
    half = side * share / 2
    # Centres of the pixels: without the 0.5, the last rows would be cut more often.
    place = tf.range(side, dtype=tf.float32)[None, :] + 0.5

    def outside(axis: int) -> tf.Tensor:
        centre = uniform(fold(seed, axis), [count, 1], 0.0, float(side))
        return tf.abs(place - centre) > half

    kept = tf.logical_or(outside(0)[:, :, None], outside(1)[:, None, :])
    return images * tf.cast(kept[..., None], images.dtype)


def _shift_matrix(offset: tf.Tensor, side: int, dtype: tf.DType) -> tf.Tensor:
    """Returns matrices [N, side, side] that shift a row vector by `offset`, int32 [N]."""
    target = tf.range(side)[None, :, None]
    source = tf.range(side)[None, None, :]
    return tf.cast(tf.equal(target - source, offset[:, None, None]), dtype)


POLICIES = {"colour": colour, "translation": translation, "cutout": cutout}


# Views: random changes of a picture that keep its captions true, against overfitting to pixels.
#
# Crops have random area and aspect (Szegedy et al. 2015, section 6), with a larger smallest area.


ASPECT = 4 / 3


def view(images: tf.Tensor, settings: EncoderSettings, seed: tf.Tensor) -> tf.Tensor:
    """Draws a random view of each picture.

    Args:
      images: float32 [N, R, R, 3] in [-1, 1].
      settings: kinds and sizes of the changes: `shift`, `crop`, `flip`, `colour`, `cutout`.
      seed: int32 [2]; the same seed gives the same views.

    Returns:
      float32 [N, R, R, 3] in [-1, 1].
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
    """Crops a random part of each picture and enlarges it to the full size.

    The area of the crop is uniform in [`smallest`, 1] of the picture's. Its aspect ratio is
    log-uniform in [3/4, 4/3], and closer to 1 if the crop would not fit.

    Args:
      images: float32 [N, R, R, 3].
      seed: int32 [2].
      smallest: smallest area, above 0, at most 1.
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


# Detects captions that name colours, which changed colours would contradict.


# Basic colour terms (Berlin and Kay 1969) without orange, which is also a fruit.
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
    """Returns whether a vocabulary has at least `FEWEST` colours; a single one may be a name.

    Args:
      pieces: tokens of the captions' tokeniser.
    """
    return len(WORDS.intersection(pieces)) >= FEWEST


# Adaptive discriminator augmentation: the probability follows the discriminator's overfitting.
#
# Source: StyleGAN2-ADA (Karras et al. 2020), section 3; the changes are those of DiffAugment.


# Most pictures of each kind in the overfitting estimate of a held-out check.
GAP_PICTURES = 256


class Augmentation:
    """Augments the discriminator's input.

    Attributes:
      probability: float32 [], of applying each policy to each picture; 1 if it does not adapt.
      variables: variables for the checkpoint.
    """

    def __init__(self, settings: GeneratorSettings, colours_named: bool = True):
        """Sets strength and initial probability.

        Args:
          settings: the generator's settings.
          colours_named: whether captions name colours; then colour changes are weaker.
        """
        self.settings, adapts = settings, settings.augment_adaptive
        by_captions = GENTLE if colours_named else 1.0
        chosen = settings.augment_colour
        self.colour_strength = by_captions if chosen is None else chosen
        first = 0.0 if adapts else 1.0
        self.probability = keras.Variable(first, trainable=False, name="augment_probability")
        self.variables = [self.probability] if adapts else []

    def __call__(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Augments pictures, float [N, R, R, 3] in [-1, 1], with a seed int32 [2]."""
        probability = self.probability.value if self.variables else None
        return augment(images, self.settings.augment, seed, probability, self.colour_strength)

    def control(self, train: tf.Tensor, held_out: tf.Tensor, fake: tf.Tensor, images: int) -> None:
        """Raises the probability if overfitting exceeds the target, otherwise lowers it.

        Args:
          train, held_out, fake: float32 [any] logits of training, held-out and generated pictures.
          images: pictures seen since the last call; `augment_images` of them move it by 1.
        """
        over = overfitting(train, held_out, fake) - self.settings.augment_target
        reach = images / self.settings.augment_images
        moved = self.probability.value + tf.sign(over) * reach
        self.probability.assign(tf.clip_by_value(moved, 0.0, 1.0))


def overfitting(train: tf.Tensor, held_out: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns the overfitting heuristic r_v of Karras et al. 2020, equation 1.

    0: the discriminator treats held-out pictures like training pictures. 1: it treats them like
    generated ones. It is also 0 if training pictures have no higher logits than generated ones.

    Args:
      train, held_out, fake: float32 [any] logits of training, held-out and generated pictures.

    Returns:
      float32 [].
    """
    train, held_out, fake = (tf.reduce_mean(logits) for logits in (train, held_out, fake))
    return tf.math.divide_no_nan(train - held_out, tf.maximum(train - fake, 0.0))
