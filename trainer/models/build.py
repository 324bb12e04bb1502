"""Models from settings: built, so that their weights exist, under a dtype policy."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from data.languages import UNDETERMINED
from trainer.config import Experiment
from trainer.models.captioner import Captioner
from trainer.models.encoder import Encoder
from trainer.models.one_stage import OneStageDiscriminator, OneStageGenerator
from trainer.models.posterior import Posterior
from trainer.precision import policy_scope

GENERATORS = {"one_stage": (OneStageGenerator, OneStageDiscriminator)}


def build_encoder(experiment: Experiment, vocabulary: int, attributes: int, policy: str) -> Encoder:
    """The encoder for a vocabulary (special ids included) and a number of attributes."""
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
    """The captioner for token counts [V], a grid of (places, channels), a `condition` width and
    the languages that it writes, the most frequent first."""
    keras.utils.set_random_seed(experiment.training.seed + 1)
    with policy_scope(policy):
        model = Captioner(experiment.captioner, frequencies, condition, languages)
        model((tf.zeros([2, *grid]), tf.zeros([2, condition]), tf.ones([2, 3], tf.int32)))
    model.input_sizes = (grid, condition)
    return model


def build_generator(experiment: Experiment, condition: int, policy: str) -> keras.Model:
    """The generator for a `condition` of that width."""
    keras.utils.set_random_seed(experiment.training.seed + 2)
    settings = experiment.generator
    with policy_scope(policy):
        model = GENERATORS[settings.architecture][0](
            settings, experiment.data.resolution, condition
        )
        model((tf.zeros([2, settings.noise]), tf.zeros([2, condition])))
    return model


def build_posterior(experiment: Experiment, grid: tuple[int, ...], policy: str) -> Posterior:
    """The posterior of the noise for a picture grid of (places, channels)."""
    keras.utils.set_random_seed(experiment.training.seed + 4)
    with policy_scope(policy):
        model = Posterior(experiment.generator.noise)
        model(tf.zeros([2, *grid]))
    return model


def build_discriminator(experiment: Experiment, condition: int, policy: str) -> keras.Model:
    """The discriminator that goes with the generator of the same architecture."""
    keras.utils.set_random_seed(experiment.training.seed + 3)
    settings, side = experiment.generator, experiment.data.resolution
    with policy_scope(policy):
        model = GENERATORS[settings.architecture][1](settings, side, condition)
        model((tf.zeros([4, side, side, 3]), tf.zeros([4, condition])))
    return model
