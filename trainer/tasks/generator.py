"""Trains generator and discriminator on the frozen encoder's sentence codes."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from data.images import to_float, to_uint8
from data.prepared import PreparedData
from trainer.adapt import ema
from trainer.adapt.diffaugment import augment
from trainer.adapt.schedules import annealed, warmup_cosine
from trainer.batches import Sampler
from trainer.config import Experiment, GeneratorSettings
from trainer.export.generator import export_generator
from trainer.losses.adversarial import ADVERSARIAL
from trainer.losses.contrastive import binary_cross_entropy, info_nce
from trainer.losses.penalties import PenaltyTerm, penalty_term
from trainer.losses.variational import gaussian_kl, gaussian_reconstruction
from trainer.metrics.distribution import kid
from trainer.metrics.retrieval import candidate_count, r_precision
from trainer.models.build import build_discriminator, build_generator, build_posterior
from trainer.models.encoder import Encoder
from trainer.models.frozen import FrozenEncoder, SentenceCodes
from trainer.models.posterior import draw
from trainer.precision import float32_compute
from trainer.randomness import fold, step_seed
from trainer.tasks.base import grid_of

VALIDATION = 500
GRID = (6, 8)
# Captions closer than this in the shared space say the same, so they are no mismatch.
SAME_CAPTION = 0.97
_BATCH = 64


class GeneratorTask:
    """One adversarial game: discriminator, then generator, then the averaged weights."""

    stage = "generator"

    def __init__(
        self, experiment: Experiment, prepared: PreparedData, policy: str, encoder: Encoder
    ):
        self.settings = settings = experiment.generator
        self.experiment, self.prepared, self.encoder = experiment, prepared, encoder
        self.batch_size, self.seed = settings.batch_size, experiment.training.seed
        self.train, self.held_out = prepared.arrays("train"), prepared.arrays("val")
        self.frozen = FrozenEncoder(encoder)
        self.text = self.frozen.all_captions(self.train.ids)
        self.grid = self.frozen.images(self.train.images).grid
        self._prepare_validation()
        self.sampler = Sampler(len(self.train), self.batch_size, self.seed)
        width = self.text.condition.shape[-1]
        self.generator = build_generator(experiment, width, policy)
        self.average = build_generator(experiment, width, "float32")
        self.discriminator = build_discriminator(experiment, width, policy)
        self.posterior = build_posterior(experiment, self.grid.shape[1:], policy)
        self.generator_optimizer = _adam(settings.learning_rate, settings.clip_norm, self.generator)
        self.posterior_optimizer = _adam(settings.learning_rate, settings.clip_norm, self.posterior)
        self.discriminator_optimizer = _adam(
            settings.discriminator_learning_rate, settings.clip_norm, self.discriminator
        )
        self.adversarial = ADVERSARIAL[settings.loss]
        self.penalty = chosen_penalty(settings, experiment.data.resolution)
        self._bound_step = tf.function(self._train_bound)
        self._steps = {
            term: tf.function(lambda *a, term=term: self._train_step(term, *a))
            for term in {None, self.penalty}
        }
        self._paint = tf.function(
            lambda noise, text: to_uint8(self.average((noise, text))), reduce_retracing=True
        )

    def _prepare_validation(self) -> None:
        count = min(VALIDATION, len(self.held_out))
        self.held_text = self.frozen.texts(self.held_out.ids[:count, 0])
        self.held_codes = self.frozen.images(self.held_out.images[:count])
        noise = np.random.default_rng(self.seed).standard_normal((count, self.settings.noise))
        self.held_noise = noise.astype(np.float32)

    def batch(self, step: int) -> tuple[np.ndarray, SentenceCodes, np.ndarray]:
        rows = self.sampler.rows(step)
        caption = self.sampler.captions(step, self.train.caption_count[rows])
        text = SentenceCodes(*(field[rows, caption] for field in self.text))
        return self.train.images[rows], text, self.grid[rows]

    def train_step(self, step: int, progress: float, batch) -> dict[str, tf.Tensor]:
        begins = self.settings.adversarial_from
        if progress < begins:
            # Each phase has a schedule of its own.
            return self._bound_step(tf.constant(step), _scalar(progress / begins), *batch)
        progress = (progress - begins) / max(1.0 - begins, 1e-6)
        term = self.penalty if self.penalty and step % self.penalty.every == 0 else None
        return self._steps[term](tf.constant(step), _scalar(progress), *batch)

    def _train_bound(self, step, progress, images, text, grid):
        """Only learns to paint real pictures: a third of a whole step's cost."""
        seed = step_seed(self.seed, step)
        with tf.GradientTape() as tape:
            mean, log_variance = self.posterior(grid)
            inferred = draw(mean, log_variance, fold(seed, 5))
            again = self.generator((inferred, text.condition))
            parts = _evidence(again, to_float(images), mean, log_variance)
            loss = self._bound(parts, self.settings.kl_weight * annealed(progress))
        self._update_painters(tape, loss, step, self.settings.bound_learning_rate, progress)
        return parts

    def _train_step(self, term: PenaltyTerm | None, step, progress, images, text, grid):
        seed = step_seed(self.seed, step)
        real = to_float(images)
        noise = tf.random.stateless_normal([self.batch_size, self.settings.noise], fold(seed, 1))
        with tf.GradientTape() as tape:
            mean, log_variance = self.posterior(grid)
            inferred = draw(mean, log_variance, fold(seed, 5))
            painted = self.generator(
                (tf.concat([noise, inferred], 0), tf.concat([text.condition] * 2, 0))
            )
            fake, again = tf.split(painted, 2)
            losses = self._train_discriminator(term, progress, real, fake, text, seed)
            loss, parts = self._generator_loss(real, fake, text, seed)
            parts |= _evidence(again, real, mean, log_variance)
            loss += self._bound(parts, self.settings.kl_weight)
        self._update_painters(tape, loss, step, self.settings.learning_rate, progress)
        return losses | parts

    def _bound(self, parts, kl_weight):
        settings = self.settings
        bound = parts["reconstruction"] + kl_weight * parts["kl"]
        return settings.reconstruction_weight * bound

    def _update_painters(self, tape, loss, step, rate, progress) -> None:
        painters = [self.generator.trainable_variables, self.posterior.trainable_variables]
        gradients = tape.gradient(loss, painters)
        rate *= warmup_cosine(progress)
        for optimizer, gradient, variables in zip(
            (self.generator_optimizer, self.posterior_optimizer), gradients, painters, strict=True
        ):
            _apply(optimizer, rate, gradient, variables)
        seen = tf.cast(step + 1, tf.float32) * self.batch_size
        keep = ema.decay(seen, self.batch_size, self.settings.ema_images)
        ema.update(self.average.variables, self.generator.variables, keep)

    def _train_discriminator(self, term: PenaltyTerm | None, progress, real, fake, text, seed):
        fake = tf.stop_gradient(fake)
        with tf.GradientTape() as tape:
            parts = self._discriminator_losses(real, fake, text, seed)
            loss = tf.add_n(list(parts.values()))
            if term is not None:
                with float32_compute(self.discriminator):
                    parts["penalty"] = self._penalty(term, real, fake, text, fold(seed, 6))
                loss += parts["penalty"] * term.every
        variables = self.discriminator.trainable_variables
        rate = self.settings.discriminator_learning_rate * warmup_cosine(progress)
        _apply(self.discriminator_optimizer, rate, tape.gradient(loss, variables), variables)
        return parts

    def _discriminator_losses(self, real, fake, text, seed):
        settings, loss = self.settings, self.adversarial.discriminator
        real = augment(real, settings.augment, fold(seed, 2))
        fake = augment(fake, settings.augment, fold(seed, 3))
        grids = self.discriminator.features(tf.concat([real, fake], axis=0))
        real_grid, fake_grid = tf.split(grids, 2)
        told, other = text.condition, tf.roll(text.condition, 1, axis=0)
        alike = tf.reduce_sum(text.embedding * tf.roll(text.embedding, 1, axis=0), axis=-1)
        differs = tf.cast(alike < SAME_CAPTION, tf.float32)
        judged = self.discriminator.judge(
            tf.concat([real_grid, fake_grid, real_grid], axis=0),
            tf.concat([told, told, other], axis=0),
        )
        real_logit, fake_logit, mismatch = tf.split(judged, 3)
        share = settings.mismatch_weight
        return {
            "d_matched": (1 - share) * tf.reduce_mean(loss(real_logit, fake_logit)),
            "d_mismatched": share * tf.reduce_mean(differs * loss(real_logit, mismatch)),
        }

    def _penalty(self, term, real, fake, text, seed):
        values = term.penalty(
            lambda x, t: self.discriminator((x, t)), real, fake, text.condition, seed
        )
        return term.weight * tf.reduce_mean(values)

    def _generator_loss(self, real, fake, text, seed):
        def judged(images, use):
            seen = augment(images, self.settings.augment, fold(seed, use))
            return self.discriminator((seen, text.condition))

        other = judged(real, 7) if self.adversarial.paired else None
        adversarial = self.adversarial.generator(other, judged(fake, 4))
        parts = {"g_adversarial": tf.reduce_mean(adversarial)}
        loss = parts["g_adversarial"]
        parts |= self._agreement(fake, text)
        loss += self.settings.contrastive_weight * parts["g_contrastive"]
        loss += self.settings.attribute_weight * parts["g_attributes"]
        return loss, parts

    def _agreement(self, fake, text):
        """What the frozen encoder says of generated pictures and their captions."""
        code, embedding = self.encoder.image_tower(fake), text.embedding
        same = tf.matmul(embedding, embedding, transpose_b=True) > SAME_CAPTION
        near = info_nce(code.embedding, embedding, self.encoder.scale(), same)
        said = tf.sigmoid(text.attributes)
        missing = tf.reduce_sum(binary_cross_entropy(code.attributes, said))
        return {
            "g_contrastive": tf.reduce_mean(near),
            "g_attributes": missing / tf.maximum(tf.reduce_sum(said), 1.0),
        }

    def state(self):
        return {
            "generator": self.generator,
            "average": self.average,
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "posterior": self.posterior,
            "posterior_optimizer": self.posterior_optimizer,
        }

    def paint(self, noise: np.ndarray, text: np.ndarray) -> np.ndarray:
        """uint8 [N, R, R, 3] pictures of the averaged generator."""
        parts = [
            self._paint(noise[i : i + _BATCH], text[i : i + _BATCH]).numpy()
            for i in range(0, len(noise), _BATCH)
        ]
        return np.concatenate(parts)

    def validate(self) -> dict[str, float]:
        """KID in encoder space, and the share of pictures that find their caption among 100.

        Both use the encoder that trained the generator: for watching, not for reporting.
        """
        count = len(self.held_noise)
        codes = self.frozen.images(self.paint(self.held_noise, self.held_text.condition))
        groups = [captions[0] for captions in self.held_out.captions[:count]]
        pool = candidate_count(count, 100, groups)
        found = r_precision(codes.embedding, self.held_text.embedding, pool, groups=groups)
        distance = kid(self.held_codes.embedding, codes.embedding, rounds=0)
        return {"kid_encoder": distance.value, f"r_precision_1of{pool}": found.value}

    def sample_grid(self) -> np.ndarray:
        rows, columns = GRID
        count = min(rows * columns, len(self.held_noise))
        images = self.paint(self.held_noise[:count], self.held_text.condition[:count])
        return grid_of(images, min(columns, count))

    def parameters(self) -> dict[str, int]:
        return {
            "generator": self.generator.count_params(),
            "discriminator": self.discriminator.count_params(),
        }

    def export(self, directory: str) -> None:
        export_generator(self.experiment, self.prepared, self.encoder, self.average, directory)


def _apply(optimizer, rate, gradients, variables) -> None:
    optimizer.learning_rate.assign(rate)
    optimizer.apply(gradients, variables)


def _scalar(value: float) -> tf.Tensor:
    return tf.constant(value, tf.float32)


def _evidence(again, real, mean, log_variance):
    """Both halves of the negative evidence lower bound, divided by the number of pixel values.

    The scale of a pixel's error, 0.25 on [-1, 1], makes a unit of this about as heavy as the
    hinge; the noise then keeps places and sizes and drops texture.
    """
    values = float(real.shape[1] * real.shape[2] * real.shape[3])
    return {
        "reconstruction": tf.reduce_mean(gaussian_reconstruction(again, real, 0.25)) / values,
        "kl": tf.reduce_mean(gaussian_kl(mean, log_variance)) / values,
    }


def chosen_penalty(settings: GeneratorSettings, resolution: int) -> PenaltyTerm | None:
    """The penalty of the settings, or None; `auto` is the one that goes with the loss."""
    auto = settings.penalty == "auto"
    return penalty_term(
        ADVERSARIAL[settings.loss].penalty if auto else settings.penalty,
        resolution=resolution,
        batch_size=settings.batch_size,
        weight=settings.penalty_weight,
        every=settings.penalty_every,
    )


def _adam(rate: float, clip: float, model: keras.Model) -> keras.optimizers.Adam:
    optimizer = keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.99, global_clipnorm=clip)
    optimizer.build(model.trainable_variables)
    return optimizer
