"""Trains the conditional variational autoencoder; its decoder is a generator like the others."""

from __future__ import annotations

import tensorflow as tf

from data.images import to_float
from data.prepared import PreparedData
from trainer import distribution, optimizers
from trainer.adapt.schedules import annealed
from trainer.config import Experiment
from trainer.export.generator import export_generator
from trainer.models.build import build_vae_encoder
from trainer.models.encoder import Encoder
from trainer.models.posterior import draw
from trainer.randomness import fold
from trainer.tasks.agreement import evidence
from trainer.tasks.painting import BETAS, PaintingTask
from trainer.transfer.start import Start


class VaeTask(PaintingTask):
    """The evidence lower bound alone: no discriminator, no game."""

    def __init__(
        self,
        experiment: Experiment,
        prepared: PreparedData,
        policy: str,
        encoder: Encoder,
        start: Start | None = None,
    ):
        super().__init__(experiment, prepared, policy, encoder, start)
        self.inference = build_vae_encoder(experiment, self.condition_width, policy)
        self.beginning.take("inference", self.inference)
        self.start = self.beginning.done()
        self.variables = self.generator.trainable_variables + self.inference.trainable_variables
        settings = self.settings
        self.optimizer = optimizers.build(
            self.variables,
            settings.bound_learning_rate,
            settings.clip_norm,
            policy,
            betas=BETAS,
            kind=settings.optimizer,
        )
        self._step = distribution.function(self._train_step)

    def train_step(self, step: int, progress: float, batch) -> dict[str, tf.Tensor]:
        self.beginning.at(progress)
        return self._step(tf.constant(step), tf.constant(progress, tf.float32), *batch)

    def _train_step(self, step, progress, *batch):
        seed = self.control.seed(step)
        found, parts = optimizers.accumulated(
            self.experiment.training.accumulate,
            lambda *part: self._gradients(seed, progress, *part),
            batch,
        )
        rate = self.control.rate(self.settings.bound_learning_rate, progress)
        shares = self.beginning.shares(self.variables)
        optimizers.apply(self.optimizer, rate, found, self.variables, shares)
        self.update_average(step)
        return parts

    def _gradients(self, seed, progress, images, text, _grid):
        settings = self.settings
        real = to_float(images)
        with tf.GradientTape() as tape:
            mean, log_variance = self.inference((real, text.condition))
            noise = draw(mean, log_variance, fold(seed, 5))
            again = self.generator((noise, text.condition), training=True)
            parts = evidence(again, real, mean, log_variance, settings.free_bits)
            loss = parts["reconstruction"] + annealed(progress, settings.kl_weight) * parts["kl"]
        (found,) = optimizers.gradients(tape, loss, (self.optimizer, self.variables))
        return found, parts

    def state(self):
        return {
            "generator": self.generator,
            "average": self.average,
            "collapse": self.collapse,
            "inference": self.inference,
            "optimizer": self.optimizer,
        }

    def parameters(self) -> dict[str, int]:
        return {
            "decoder": self.generator.count_params(),
            "encoder": self.inference.count_params(),
        }

    def export(self, directory: str) -> None:
        export_generator(
            self.experiment, self.prepared, self.encoder, self.average, directory, self.inference
        )
