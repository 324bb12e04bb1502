"""The networks of a stage by name, and blank ones for settings that were read from a file."""

from __future__ import annotations

import keras
import numpy as np

from trainer.config import Experiment
from trainer.models.build import (
    build_captioner,
    build_discriminators,
    build_encoder,
    build_generator,
    build_posterior,
    build_vae_encoder,
)
from trainer.models.encoder import GRID
from trainer.transfer.axes import World

# Encoder and captioner are one network each, and the names of their weights begin with its own.
WHOLE = ""
GENERATOR = "generator"
DISCRIMINATORS = ("sketch_discriminator", "discriminator")


def discriminator_names(count: int) -> tuple[str, ...]:
    """Names of a generator's discriminators in the order of its stages: the last is `discriminator`
    always, so that it is found whatever goes before it."""
    return DISCRIMINATORS[-count:]


def blank(stage: str, world: World) -> dict[str, keras.Model]:
    """Builds the networks of a stage in float32, the one that is exported first."""
    experiment, policy = world.experiment, "float32"
    if stage == "encoder":
        return {WHOLE: build_encoder(experiment, len(world.tokens), len(world.attributes), policy)}
    told = experiment.encoder.embedding + max(1, len(world.attributes))
    grid = (GRID * GRID, 4 * experiment.encoder.width)
    if stage == "captioner":
        counts = np.ones(len(world.tokens))
        return {WHOLE: build_captioner(experiment, counts, grid, told, policy, world.languages)}
    return _painting(experiment, told if experiment.generator.conditional else 0, grid, policy)


def _painting(
    experiment: Experiment, told: int, grid: tuple[int, ...], policy: str
) -> dict[str, keras.Model]:
    generator = build_generator(experiment, told, policy)
    if experiment.generator.architecture == "vae":
        return {GENERATOR: generator, "inference": build_vae_encoder(experiment, told, policy)}
    critics = build_discriminators(experiment, told, policy)
    return {
        GENERATOR: generator,
        "posterior": build_posterior(experiment, grid, told, generator.noise_width, policy),
        **dict(zip(discriminator_names(len(critics)), critics, strict=True)),
    }
