"""Trains the conditional variational autoencoder; its decoder is the generator."""

from __future__ import annotations

import tensorflow as tf

from data.images import to_float
from data.prepared import PreparedData
from trainer.config import Experiment
from trainer.engine import distribution, optimizers
from trainer.engine.randomness import fold
from trainer.engine.schedules import annealed
from trainer.export.generator import export_generator
from trainer.models.build import build_vae_encoder
from trainer.models.encoder import Encoder
from trainer.models.posterior import draw
from trainer.tasks.gan_losses import elbo_terms
from trainer.tasks.text_to_image import ADAM_BETAS, TextToImageTask
from trainer.transfer.start import Start


class VaeTask(TextToImageTask):
    """Maximises the evidence lower bound; there is no discriminator."""

    def __init__(
        self,
        experiment: Experiment,
        prepared: PreparedData,
        policy: str,
        encoder: Encoder,
        start: Start | None = None,
    ):
        super().__init__(experiment, prepared, policy, encoder, start)
        self.inference = build_vae_encoder(experiment, self.condition_dim, policy)
        self.transfer.load("inference", self.inference)
        self.start = self.transfer.summary()
        self.variables = self.generator.trainable_variables + self.inference.trainable_variables
        settings = self.settings
        self.optimizer = optimizers.build(
            self.variables,
            settings.bound_learning_rate,
            settings.clip_norm,
            policy,
            betas=ADAM_BETAS,
            kind=settings.optimizer,
        )
        self._step = distribution.function(self.elbo_step)

    def train_step(self, step: int, progress: float, batch) -> dict[str, tf.Tensor]:
        self.transfer.set_progress(progress)
        return self._step(tf.constant(step), tf.constant(progress, tf.float32), *batch)

    def elbo_step(self, step, progress, *batch) -> dict[str, tf.Tensor]:
        """Updates encoder and decoder once with the negative ELBO of real pictures.

        Source: Kingma and Welling 2014, section 2.

        Args:
          step: int [], seeds the draw of the noise.
          progress: float32 [], drives the KL weight and the learning rate.
          batch: pictures uint8 [N, R, R, 3], `SentenceCodes`, the encoder's feature map (unused).

        Returns:
          float32 [] by name: `reconstruction` and `kl`, per pixel value, without the KL weight.
        """
        seed, settings = self.control.seed(step), self.settings

        def gradients_of(images, text, _feature_map):
            real = to_float(images)
            with tf.GradientTape() as tape:
                mean, log_variance = self.inference((real, text.condition))
                noise = draw(mean, log_variance, fold(seed, 5))
                generated = self.generator((noise, text.condition), training=True)
                terms = elbo_terms(generated, real, mean, log_variance, settings.free_bits)
                kl_weight = annealed(progress, settings.kl_weight)
                loss = terms["reconstruction"] + kl_weight * terms["kl"]
            (gradients,) = optimizers.gradients(tape, loss, (self.optimizer, self.variables))
            return gradients, terms

        micro_batches = self.experiment.training.accumulate
        gradients, terms = optimizers.accumulated(micro_batches, gradients_of, batch)
        rate = self.control.rate(settings.bound_learning_rate, progress)
        scales = self.transfer.update_scales(self.variables)
        optimizers.apply(self.optimizer, rate, gradients, self.variables, scales)
        self.update_average(step)
        return terms

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
