"""Views of pictures: changed at random so that their captions stay true.

What is learned from few pictures must not hang on their very pixels. Crops are those of Szegedy et
al. 2015, section 6 (area and aspect at random), with a milder smallest area.
"""

from __future__ import annotations

import tensorflow as tf

from trainer.adapt.diffaugment import colour, cutout, translation
from trainer.config import EncoderSettings
from trainer.randomness import fold, uniform

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
