"""How long a step of a training takes, over a whole training."""

from __future__ import annotations

import time
from dataclasses import replace

import keras
import numpy as np

from data.prepared import PreparedData
from trainer.config import Experiment
from trainer.engine import precision
from trainer.export.bundle import load_encoder
from trainer.tasks.captioner import CaptionerTask
from trainer.tasks.encoder import EncoderTask
from trainer.tasks.gan import GanTask
from trainer.tasks.vae import VaeTask

# Where in a training steps are timed, and steps at each: whole cycles of every penalty.
PLACES, CYCLE = 10, 16


def seconds_per_step(
    experiment: Experiment, data: PreparedData, encoder_dir: str, stage: str = "generator"
) -> float:
    """Mean seconds of a step over a training of a fixed number of steps, once all is compiled."""
    keras.backend.clear_session()
    policy, _ = precision.choose(experiment.training.precision)
    encoder = load_encoder(encoder_dir, policy)
    experiment = replace(experiment, encoder=encoder.experiment.encoder)
    task = task_of(stage, experiment, data, policy, encoder.model)
    _run(task)
    begun = time.perf_counter()
    steps = _run(task)
    return (time.perf_counter() - begun) / steps


def task_of(stage, experiment, data, policy, encoder):
    if stage == "encoder":
        return EncoderTask(experiment, data, policy)
    if stage == "captioner":
        return CaptionerTask(experiment, data, policy, encoder)
    kind = VaeTask if experiment.generator.architecture == "vae" else GanTask
    return kind(experiment, data, policy, encoder)


def _run(task) -> int:
    for place in (np.arange(PLACES) + 0.5) / PLACES:
        for step in range(CYCLE):
            losses = task.train_step(step, float(place), task.batch(step))
        # Steps are computed while the next is prepared: wait for the last.
        [value.numpy() for value in losses.values()]
    return PLACES * CYCLE
