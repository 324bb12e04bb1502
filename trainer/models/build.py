"""Builds models from settings under a dtype policy.

Each function calls its model once, so that all weights exist. It seeds Keras's initialisers with
the run's seed plus the number of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from data.languages import UNDETERMINED
from trainer.config import Experiment
from trainer.engine.precision import policy_scope
from trainer.models.captioner import Captioner
from trainer.models.dcgan import DcganBackbone, DcganGenerator
from trainer.models.discriminator import HEADS, Discriminator
from trainer.models.encoder import Encoder
from trainer.models.mlp import MlpBackbone, MlpGenerator
from trainer.models.one_stage import OneStageBackbone, OneStageGenerator
from trainer.models.posterior import Posterior
from trainer.models.two_stage import TwoStageGenerator, sketch_side
from trainer.models.vae import VaeDecoder, VaeEncoder


class Architecture(NamedTuple):
    """A generator and the backbone of its discriminators.

    Attributes:
      generator: class of the model; called as (settings, resolution, condition). Its attribute
        `axes` maps names of weights to the kinds of their axes (`trainer.transfer.weights`), so
        that a warm start can match labels by name.
      body: (settings, resolution) -> backbone of the discriminators; None if there is none.
    """

    generator: Any
    body: Callable[..., Any] | None


GENERATORS = {
    "mlp": Architecture(MlpGenerator, MlpBackbone),
    "dcgan": Architecture(DcganGenerator, DcganBackbone),
    "two_stage": Architecture(TwoStageGenerator, DcganBackbone),
    "one_stage": Architecture(OneStageGenerator, OneStageBackbone),
    "vae": Architecture(VaeDecoder, None),
}


def build_encoder(experiment: Experiment, vocabulary: int, attributes: int, policy: str) -> Encoder:
    """Builds the encoder.

    Args:
      experiment: all settings.
      vocabulary: number of tokens V, special ids included.
      attributes: number of attributes A.
      policy: Keras dtype policy.
    """
    data = experiment.data
    keras.utils.set_random_seed(experiment.training.seed)
    with policy_scope(policy):
        model = Encoder(
            experiment.encoder, vocabulary, attributes, data.resolution, data.max_length
        )
        side = data.resolution
        model((tf.zeros([2, side, side, 3]), tf.ones([2, data.max_length], tf.int32)))
    return model


def build_captioner(
    experiment: Experiment,
    frequencies: np.ndarray,
    grid: tuple[int, ...],
    condition: int,
    policy: str,
    languages: tuple[str, ...] = (UNDETERMINED,),
) -> Captioner:
    """Builds the captioner.

    Args:
      experiment: all settings.
      frequencies: float64 [V], token counts of the training captions.
      grid: (positions P, channels C) of the feature map.
      condition: length c of the condition vector.
      policy: Keras dtype policy.
      languages: languages that it writes, the most frequent first.
    """
    keras.utils.set_random_seed(experiment.training.seed + 1)
    with policy_scope(policy):
        model = Captioner(experiment.captioner, frequencies, condition, languages)
        model((tf.zeros([2, *grid]), tf.zeros([2, condition]), tf.ones([2, 3], tf.int32)))
    model.input_sizes = (grid, condition)
    return model


def build_generator(experiment: Experiment, condition: int, policy: str) -> keras.Model:
    """Builds the generator of the settings.

    With any architecture, `generator((noise, text), training=False)` takes float32
    [N, generator.noise_width] and [N, condition] and returns float32 [N, R, R, 3] in [-1, 1].

    Args:
      experiment: all settings.
      condition: length c of the condition vector; 0 makes the generator unconditional.
      policy: Keras dtype policy.
    """
    keras.utils.set_random_seed(experiment.training.seed + 2)
    settings = experiment.generator
    with policy_scope(policy):
        architecture = GENERATORS[settings.architecture]
        model = architecture.generator(settings, experiment.data.resolution, condition)
        model((tf.zeros([2, model.noise_width]), tf.zeros([2, condition])))
    return model


def build_posterior(
    experiment: Experiment, grid: tuple[int, ...], condition: int, noise: int, policy: str
) -> Posterior:
    """Builds the posterior of the noise.

    Args:
      experiment: all settings.
      grid: (positions P, channels C) of the feature map.
      condition: length c of the condition vector.
      noise: length z of the noise vector.
      policy: Keras dtype policy.
    """
    keras.utils.set_random_seed(experiment.training.seed + 4)
    with policy_scope(policy):
        model = Posterior(noise, condition)
        model((tf.zeros([2, *grid]), tf.zeros([2, condition])))
    return model


def build_vae_encoder(experiment: Experiment, condition: int, policy: str) -> VaeEncoder:
    """Builds the encoder of the architecture `vae`.

    Args:
      experiment: all settings.
      condition: length c of the condition vector.
      policy: Keras dtype policy.
    """
    keras.utils.set_random_seed(experiment.training.seed + 5)
    side = experiment.data.resolution
    with policy_scope(policy):
        model = VaeEncoder(experiment.generator, side)
        model((tf.zeros([2, side, side, 3]), tf.zeros([2, condition])))
    return model


def build_discriminators(
    experiment: Experiment, condition: int, policy: str
) -> list[Discriminator]:
    """Builds a discriminator for each stage of the generator, that of the final pictures last.

    Args:
      experiment: all settings.
      condition: length c of the condition vector.
      policy: Keras dtype policy.
    """
    settings, side = experiment.generator, experiment.data.resolution
    last = build_discriminator(experiment, condition, policy)
    if settings.architecture != "two_stage":
        return [last]
    return [build_discriminator(experiment, condition, policy, sketch_side(settings, side)), last]


def build_discriminator(
    experiment: Experiment, condition: int, policy: str, side: int | None = None
) -> Discriminator:
    """Builds a discriminator of the generator's architecture.

    Args:
      experiment: all settings.
      condition: length c of the condition vector.
      policy: Keras dtype policy.
      side: side of its input pictures; None takes `data.resolution`.

    Raises:
      ValueError: the architecture has no discriminator.
    """
    keras.utils.set_random_seed(experiment.training.seed + 3)
    settings, side = experiment.generator, side or experiment.data.resolution
    with policy_scope(policy):
        bodies = GENERATORS[settings.architecture].body
        if bodies is None:
            raise ValueError(f"there is no discriminator for the {settings.architecture}")
        body = bodies(settings, side)
        head = HEADS[settings.discriminator](body.side, body.channels, body.width, condition)
        model = Discriminator(body, head)
        model((tf.zeros([4, side, side, 3]), tf.zeros([4, condition])))
    return model
