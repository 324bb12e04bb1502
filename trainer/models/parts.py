"""What of a generator is trained against one discriminator: all of it, or one stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from trainer.config import GeneratorSettings
from trainer.models.two_stage import TwoStageGenerator, sketch_side


class Part(NamedTuple):
    """A generator, or one stage of it, as its game sees it.

    Attributes:
      side: of the pictures that it paints, in pixels.
      noise_width: length z of its noise.
      paint: (noise float [N, z], text float [N, c]) -> float32 [N, side, side, 3], in training.
      variables: what is trained.
      divergence: text float [N, c] -> float32 [N], of a conditioning augmentation from the prior;
        None where there is none.
    """

    side: int
    noise_width: int
    paint: Callable[[Any, Any], tf.Tensor]
    variables: list
    divergence: Callable[[Any], tf.Tensor] | None = None


def parts_of(generator: keras.Model, settings: GeneratorSettings, resolution: int) -> list[Part]:
    """The parts of a generator in the order in which they are trained."""
    if isinstance(generator, TwoStageGenerator):
        return [
            _first(generator, sketch_side(settings, resolution)),
            _second(generator, resolution),
        ]
    return [
        Part(
            resolution,
            generator.noise_width,
            lambda noise, text: generator((noise, text), training=True),
            generator.trainable_variables,
        )
    ]


def _first(generator: TwoStageGenerator, side: int) -> Part:
    stage = generator.first
    return Part(
        side,
        generator.noise_width,
        lambda noise, text: stage((noise, text), training=True),
        stage.trainable_variables,
        stage.augment and stage.augment.divergence,
    )


def _second(generator: TwoStageGenerator, side: int) -> Part:
    stage = generator.second

    def paint(noise, text):
        # The first stage is done: it neither learns nor follows the batch's statistics.
        sketch = tf.stop_gradient(generator.first((noise, text), training=False))
        return stage((sketch, noise, text), training=True)

    return Part(
        side,
        generator.noise_width,
        paint,
        stage.trainable_variables,
        stage.augment and stage.augment.divergence,
    )
