"""What of a generator is trained against one discriminator: all of it, or one stage of two."""

from __future__ import annotations

import keras
import tensorflow as tf

from trainer.config import GeneratorSettings
from trainer.models.two_stage import TwoStageGenerator, sketch_side


class GeneratorStage:
    """A generator that is trained as a whole.

    Attributes:
      side: of the pictures that it generates, in pixels.
      noise_width: length z of its noise.
    """

    def __init__(self, generator: keras.Model, network: keras.Model, side: int):
        self.generator, self.network = generator, network
        self.side, self.noise_width = side, generator.noise_width

    @property
    def variables(self) -> list[keras.Variable]:
        """What is trained."""
        return self.network.trainable_variables

    def generate(self, noise: tf.Tensor, text: tf.Tensor) -> tf.Tensor:
        """Pictures as in training.

        Args:
          noise: float [N, z].
          text: float [N, c], the condition vectors of captions.

        Returns:
          float32 [N, side, side, 3] in [-1, 1].
        """
        return self.network((noise, text), training=True)

    def divergence(self, text: tf.Tensor) -> tf.Tensor | None:
        """KL divergence of a conditioning augmentation from its prior, float32 [N] nats; None where
        there is no such augmentation."""
        return None


class _StackedStage(GeneratorStage):
    """One stage of a `TwoStageGenerator` (Zhang et al. 2017, section 3)."""

    def divergence(self, text):
        augmentation = self.network.augment
        return augmentation.divergence(text) if augmentation else None


class FirstStage(_StackedStage):
    """Generates the small picture that the second stage refines."""


class SecondStage(_StackedStage):
    """Refines pictures of the first stage, which is trained before and stays as it is."""

    def generate(self, noise, text):
        # In inference mode the first stage does not follow the statistics of the batch either.
        small = tf.stop_gradient(self.generator.first((noise, text), training=False))
        return self.network((small, noise, text), training=True)


def stages_of(
    generator: keras.Model, settings: GeneratorSettings, resolution: int
) -> list[GeneratorStage]:
    """The stages of a generator in the order in which they are trained."""
    if isinstance(generator, TwoStageGenerator):
        return [
            FirstStage(generator, generator.first, sketch_side(settings, resolution)),
            SecondStage(generator, generator.second, resolution),
        ]
    return [GeneratorStage(generator, generator, resolution)]
