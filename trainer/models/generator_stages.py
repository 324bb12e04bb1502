"""The part of a generator that one discriminator trains: all of it, or one of two stages."""

from __future__ import annotations

import keras
import tensorflow as tf

from trainer.config import GeneratorSettings
from trainer.models.two_stage import TwoStageGenerator, sketch_side


class GeneratorStage:
    """A generator that is trained as a whole.

    Attributes:
      side: side r of the generated pictures, in pixels.
      noise_width: length z of the noise vector.
    """

    def __init__(self, generator: keras.Model, network: keras.Model, side: int):
        self.generator, self.network = generator, network
        self.side, self.noise_width = side, generator.noise_width

    @property
    def variables(self) -> list[keras.Variable]:
        """The variables that are trained."""
        return self.network.trainable_variables

    def generate(self, noise: tf.Tensor, text: tf.Tensor) -> tf.Tensor:
        """Generates pictures in training mode.

        Args:
          noise: float [N, z].
          text: float [N, c] condition vectors.

        Returns:
          float32 [N, side, side, 3] in [-1, 1].
        """
        return self.network((noise, text), training=True)

    def divergence(self, text: tf.Tensor) -> tf.Tensor | None:
        """Returns the KL divergence of the conditioning augmentation from its prior.

        Args:
          text: float [N, c] condition vectors.

        Returns:
          float32 [N] in nats, or None without conditioning augmentation.
        """
        return None


class _StackedStage(GeneratorStage):
    """One stage of a `TwoStageGenerator` (Zhang et al. 2017, section 3)."""

    def divergence(self, text):
        augmentation = self.network.augment
        return augmentation.divergence(text) if augmentation else None


class FirstStage(_StackedStage):
    """Generates the small picture that the second stage refines."""


class SecondStage(_StackedStage):
    """Refines the pictures of the first stage, which is trained before it and stays fixed."""

    def generate(self, noise, text):
        # Stage I is fixed: no gradient, and inference mode, so that its batch statistics stay too.
        small = tf.stop_gradient(self.generator.first((noise, text), training=False))
        return self.network((small, noise, text), training=True)


def stages_of(
    generator: keras.Model, settings: GeneratorSettings, resolution: int
) -> list[GeneratorStage]:
    """Returns the stages of a generator in the order of their training.

    Args:
      generator: a built generator.
      settings: its settings.
      resolution: side R of the final pictures, in pixels.
    """
    if isinstance(generator, TwoStageGenerator):
        return [
            FirstStage(generator, generator.first, sketch_side(settings, resolution)),
            SecondStage(generator, generator.second, resolution),
        ]
    return [GeneratorStage(generator, generator, resolution)]
