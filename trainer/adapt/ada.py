"""Adaptive discriminator augmentation: as much as keeps the discriminator from overfitting.

Source: StyleGAN2-ADA (Karras et al. 2020), section 3; the changes themselves are DiffAugment's.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from trainer.adapt.diffaugment import GENTLE, augment
from trainer.config import GeneratorSettings

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
