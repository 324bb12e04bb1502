"""Trains a generator against its discriminator, conditioned on the frozen encoder's caption codes.

One update runs these steps, in this order:

    ELBO phase:         ELBO step -> moving average
    adversarial phase:  discriminator step -> generator step -> moving average

With several discriminator steps per generator step, the updates in between are a discriminator step
alone. Each step is one method: forward pass, losses, gradients, weight update, from top to bottom.
The ELBO step and the generator step update generator and posterior.

Sources: Goodfellow et al. 2014, algorithm 1, for the adversarial steps; Reed et al. 2016,
algorithm 1, for the mismatched captions; Larsen et al. 2016 (VAE-GAN), section 2, for adding the
ELBO of real pictures.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import keras
import tensorflow as tf

from data.base.graphs import graph
from data.images import to_float
from data.prepared import PreparedData
from trainer.augment import GAP_PICTURES, Augmentation, name_colours, overfitting
from trainer.config import Experiment, GeneratorSettings
from trainer.engine import distribution, optimizers
from trainer.engine.precision import float32_compute
from trainer.engine.randomness import fold, normal
from trainer.engine.schedules import annealed, ramp
from trainer.losses.adversarial import ADVERSARIAL
from trainer.losses.penalties import PenaltyTerm, penalty_term
from trainer.models.build import build_discriminators, build_posterior
from trainer.models.encoder import Encoder
from trainer.models.frozen import SentenceCodes
from trainer.models.generator_stages import GeneratorStage, stages_of
from trainer.models.posterior import draw
from trainer.tasks.gan_losses import Agreement, discriminator_terms, elbo_terms
from trainer.tasks.text_to_image import ADAM_BETAS, TextToImageTask
from trainer.transfer.start import Start, discriminator_names

Losses = dict[str, tf.Tensor]

# Adaptive augmentation measures the discriminator's overfitting every so many steps, on so many
# pictures of each kind.
CONTROL_EVERY = 8
CONTROL_PICTURES = 64


class Inputs(NamedTuple):
    """Inputs of a step: one micro-batch.

    Attributes:
      seed: int32 [2], the step's seed.
      real: float32 [N, r, r, 3] pictures in [-1, 1], at the generator stage's resolution r.
      text: codes of their captions; `condition` is scaled by the conditioning ramp.
      feature_map: float16 [N, P, C] of the frozen encoder, input of the posterior.
    """

    seed: tf.Tensor
    real: tf.Tensor
    text: SentenceCodes
    feature_map: tf.Tensor


class Forward(NamedTuple):
    """A forward pass of the generator.

    Attributes:
      tape: the gradient tape that recorded the pass.
      inputs: its inputs.
      fake: float32 [N, r, r, 3] pictures in [-1, 1] from noise of the prior.
      elbo: terms of the negative ELBO by name, float32 []; empty without a posterior.
    """

    tape: tf.GradientTape
    inputs: Inputs
    fake: tf.Tensor
    elbo: Losses


class Gan:
    """A generator, or one of its stages, and its discriminator.

    Attributes:
      elbo_update, update: compiled functions that run all steps of one update. They take the step
        number, the progress float32 [] of their phase and the task's batch, and return losses by
        name. `update` is indexed by (generator is updated, penalty is due), because both decide
        which graph runs.
    """

    def __init__(
        self,
        task: GanTask,
        stage: GeneratorStage,
        discriminator: keras.Model,
        policy: str,
    ):
        self.task, self.stage, self.discriminator = task, stage, discriminator
        self.settings = settings = task.settings
        self.micro_batches = task.experiment.training.accumulate
        self.loss = ADVERSARIAL[settings.loss_in_use]
        self.penalty = chosen_penalty(settings, stage.side)
        self.discriminator_steps = settings.discriminator_steps or self.loss.discriminator_steps
        self.augmentation = Augmentation(settings, name_colours(task.prepared.tokens.pieces))
        self.with_posterior = settings.reconstruction_weight > 0
        self.conditional = settings.discriminator != "unconditional"
        generator_optimizer = functools.partial(
            optimizers.build,
            rate=settings.learning_rate,
            clip_norm=settings.clip_norm,
            policy=policy,
            betas=ADAM_BETAS,
            kind=settings.optimizer,
        )
        self.optimizer = generator_optimizer(stage.variables)
        self.posterior_optimizer = generator_optimizer(task.posterior.trainable_variables)
        # The discriminator is not clipped: its gradient norm is several times `clip_norm` at every
        # step, and clipping would remove most of the lazy penalty, which only some steps have.
        self.discriminator_optimizer = optimizers.build(
            discriminator.trainable_variables,
            settings.discriminator_learning_rate,
            clip_norm=None,
            policy=policy,
            betas=ADAM_BETAS,
        )
        self.elbo_update = distribution.function(self._elbo_update)
        self.update = {
            (whole, penalised): distribution.function(
                functools.partial(self._update, whole=whole, penalised=penalised)
            )
            for whole in (False, True)
            for penalised in (False, True)
        }

    # Updates: which steps run, in which order.

    def _elbo_update(self, step, progress, *batch) -> Losses:
        losses = self.elbo_step(step, progress, batch)
        self.task.update_average(step)
        return losses

    def _update(self, step, progress, *batch, whole: bool, penalised: bool) -> Losses:
        """Updates the discriminator and, if `whole`, then the generator and the average."""
        penalty = self.penalty if penalised else None
        if not whole:
            return self.discriminator_step(step, progress, batch, penalty)
        # Both steps share one forward pass of the generator. The discriminator step does not change
        # the generator, so the pictures stay valid. With micro-batches each step runs its own
        # passes: the discriminator sees all micro-batches before the generator step starts, and
        # keeping every pass would need the memory that accumulation saves.
        forward = self.forward(step, progress, *batch) if self.micro_batches == 1 else None
        losses = self.discriminator_step(step, progress, batch, penalty, forward)
        # The generator step uses the discriminator's updated weights.
        losses |= self.generator_step(step, progress, batch, forward)
        self.task.update_average(step, self.discriminator_steps)
        return losses

    # Steps.

    def elbo_step(self, step, progress, batch) -> Losses:
        """Updates generator and posterior with the negative ELBO of real pictures.

        The step costs a third of an adversarial update, and most of a picture is learned in it.

        Args:
          step: int [], the step number.
          progress: float32 [] of the ELBO phase, 0 to 1.
          batch: pictures uint8 [N, R, R, 3], `SentenceCodes`, feature map float16 [N, P, C].

        Returns:
          float32 [] losses by name.
        """

        def gradients_of(*micro_batch):
            inputs = self.inputs(step, progress, *micro_batch)
            condition = inputs.text.condition
            with tf.GradientTape() as tape:
                mean, log_variance = self.task.posterior((inputs.feature_map, condition))
                noise = draw(mean, log_variance, fold(inputs.seed, 5))
                generated = self.stage.generate(noise, condition)
                losses = elbo_terms(generated, inputs.real, mean, log_variance)
                # The KL weight starts high, so the generator learns to use the caption before the
                # noise can carry the same information.
                loss = self.negative_elbo(losses, annealed(progress, self.settings.kl_weight))
                for weight, name, value in self.conditioning_terms(condition):
                    losses[name] = value
                    loss += weight * value
            return optimizers.gradients(tape, loss, *self.generator_optimizers()), losses

        gradients, losses = optimizers.accumulated(self.micro_batches, gradients_of, batch)
        self.apply_to_generator(gradients, self.settings.bound_learning_rate, progress)
        return losses

    def discriminator_step(
        self, step, progress, batch, penalty: PenaltyTerm | None, forward: Forward | None = None
    ) -> Losses:
        """Updates the discriminator: real against generated pictures, right against wrong captions.

        Args:
          step: int [], the step number.
          progress: float32 [] of the adversarial phase, 0 to 1.
          batch: pictures uint8 [N, R, R, 3], `SentenceCodes`, feature map float16 [N, P, C].
          penalty: the gradient penalty if it is due at this step, else None.
          forward: pass to take the generated pictures from; None generates them here.

        Returns:
          float32 [] losses by name.
        """
        variables = self.discriminator.trainable_variables
        optimizer, settings = self.discriminator_optimizer, self.settings

        def gradients_of(*micro_batch):
            inputs = forward.inputs if forward else self.inputs(step, progress, *micro_batch)
            fake = forward.fake if forward else self.generate(inputs)
            # The pictures are constants for the discriminator: nothing flows into the generator.
            fake = tf.stop_gradient(fake)
            with tf.GradientTape() as tape:
                losses = discriminator_terms(
                    self.loss,
                    self.discriminator,
                    self.augmentation(inputs.real, fold(inputs.seed, 2)),
                    self.augmentation(fake, fold(inputs.seed, 3)),
                    inputs.text,
                    settings.mismatch_weight if self.conditional else 0.0,
                )
                loss = tf.add_n(list(losses.values()))
                if penalty is not None:
                    losses["penalty"] = self.penalty_value(penalty, inputs, fake)
                    # Lazy regularisation: the factor compensates for the steps without a penalty.
                    loss += losses["penalty"] * penalty.every
            (gradients,) = optimizers.gradients(tape, loss, (optimizer, variables))
            return gradients, losses

        gradients, losses = optimizers.accumulated(self.micro_batches, gradients_of, batch)
        rate = self.task.control.rate(settings.discriminator_learning_rate, progress)
        scales = self.task.transfer.update_scales(variables)
        optimizers.apply(optimizer, rate, gradients, variables, scales)
        # Weight clipping comes after the update (Arjovsky et al. 2017, algorithm 1).
        if self.loss.clip is not None:
            for variable in variables:
                variable.assign(tf.clip_by_value(variable, -self.loss.clip, self.loss.clip))
        return losses

    def generator_step(self, step, progress, batch, forward: Forward | None = None) -> Losses:
        """Updates generator and posterior: adversarial loss, caption agreement, negative ELBO.

        Args:
          step: int [], the step number.
          progress: float32 [] of the adversarial phase, 0 to 1.
          batch: pictures uint8 [N, R, R, 3], `SentenceCodes`, feature map float16 [N, P, C].
          forward: the forward pass to reuse; None runs it here.

        Returns:
          float32 [] losses by name.
        """

        def gradients_of(*micro_batch):
            tape, inputs, fake, losses = forward or self.forward(step, progress, *micro_batch)
            # Re-enter the tape of the forward pass: the losses below belong to the same graph.
            with tape:
                loss = self.negative_elbo(losses, self.settings.kl_weight) if losses else 0.0
                for weight, name, value in self.generator_terms(inputs, fake):
                    losses[name] = value
                    loss += weight * value
            return optimizers.gradients(tape, loss, *self.generator_optimizers()), losses

        gradients, losses = optimizers.accumulated(self.micro_batches, gradients_of, batch)
        self.apply_to_generator(gradients, self.settings.learning_rate, progress)
        return losses

    # Parts of the steps. Each random draw folds the step's seed with its own number, so a resumed
    # training and any split into micro-batches or replicas draw the same values.

    def inputs(self, step, progress, images, text, feature_map) -> Inputs:
        """Prepares a micro-batch.

        Args:
          step: int [], the step number.
          progress: float32 [], drives the conditioning ramp.
          images: uint8 [N, R, R, 3].
          text: codes of the captions.
          feature_map: float16 [N, P, C].
        """
        condition = text.condition * ramp(progress, self.settings.conditioning_ramp)
        return Inputs(
            self.task.control.seed(step),
            self.at_side(to_float(images)),
            text._replace(condition=condition),
            feature_map,
        )

    def generate(self, inputs: Inputs) -> tf.Tensor:
        """Returns float32 [N, r, r, 3] pictures from noise of the prior."""
        return self.stage.generate(self.noise(inputs), inputs.text.condition)

    def noise(self, inputs: Inputs) -> tf.Tensor:
        """Returns float32 [N, z] noise of the prior; the same for the same `inputs.seed`."""
        shape = [inputs.real.shape[0], self.stage.noise_width]
        return normal(fold(inputs.seed, 1), shape)

    def forward(self, step, progress, *batch) -> Forward:
        """Generates pictures from prior noise and, in the same pass, from posterior noise.

        Args:
          step: int [], the step number.
          progress: float32 [] of the adversarial phase.
          batch: arrays of one micro-batch, see `inputs`.
        """
        inputs = self.inputs(step, progress, *batch)
        condition = inputs.text.condition
        with tf.GradientTape() as tape:
            if not self.with_posterior:
                return Forward(tape, inputs, self.generate(inputs), {})
            noise = self.noise(inputs)
            mean, log_variance = self.task.posterior((inputs.feature_map, condition))
            inferred = draw(mean, log_variance, fold(inputs.seed, 5))
            generated = self.stage.generate(
                tf.concat([noise, inferred], 0), tf.concat([condition, condition], 0)
            )
            fake, again = tf.split(generated, 2)
            elbo = elbo_terms(again, inputs.real, mean, log_variance)
        return Forward(tape, inputs, fake, elbo)

    def negative_elbo(self, terms: Losses, kl_weight) -> tf.Tensor:
        """Weights the terms of the negative ELBO.

        Args:
          terms: float32 [] by name, from `elbo_terms`.
          kl_weight: weight of the KL divergence, float [].

        Returns:
          float32 [].
        """
        bound = terms["reconstruction"] + kl_weight * terms["kl"]
        return self.settings.reconstruction_weight * bound

    def adversarial_loss(self, inputs: Inputs, fake) -> tf.Tensor:
        """Returns the generator's adversarial loss.

        Args:
          inputs: the micro-batch; only paired losses read its real pictures.
          fake: float32 [N, r, r, 3] in [-1, 1], on the tape.

        Returns:
          float32 [].
        """
        condition, real_logit = inputs.text.condition, None
        augmented = self.augmentation(fake, fold(inputs.seed, 4))
        if self.loss.paired:
            real = self.augmentation(inputs.real, fold(inputs.seed, 7))
            real_logit = self.discriminator((real, condition))
        fake_logit = self.discriminator((augmented, condition))
        return tf.reduce_mean(self.loss.generator(real_logit, fake_logit))

    def penalty_value(self, penalty: PenaltyTerm, inputs: Inputs, fake) -> tf.Tensor:
        """Returns the weighted gradient penalty.

        The discriminator computes in float32 here, whatever its dtype policy: second derivatives
        lose too much precision in bfloat16 and float16. The pictures are not augmented.

        Args:
          penalty: function, weight and interval.
          inputs: the micro-batch.
          fake: float32 [N, r, r, 3] in [-1, 1], constant.

        Returns:
          float32 [].
        """

        def critic(images, text):
            return self.discriminator((images, text))

        with float32_compute(self.discriminator):
            values = penalty.penalty(
                critic, inputs.real, fake, inputs.text.condition, fold(inputs.seed, 6)
            )
            return penalty.weight * tf.reduce_mean(values)

    def generator_terms(self, inputs: Inputs, fake) -> Iterator[tuple[float, str, tf.Tensor]]:
        """Yields weight, name and float32 [] value of each loss of the pictures from the prior.

        Args:
          inputs: the micro-batch.
          fake: float32 [N, r, r, 3] in [-1, 1], on the tape.
        """
        yield 1.0, "g_adversarial", self.adversarial_loss(inputs, fake)
        yield from self.task.agreement.terms(fake, inputs.text)
        yield from self.conditioning_terms(inputs.text.condition)

    def conditioning_terms(self, condition) -> Iterator[tuple[float, str, tf.Tensor]]:
        """Yields the KL divergence of the conditioning augmentation, if the stage has one."""
        divergence = self.stage.divergence(condition)
        if divergence is not None:
            yield self.settings.conditioning_weight, "g_conditioning", tf.reduce_mean(divergence)

    def generator_optimizers(self) -> list[tuple[keras.optimizers.Optimizer, list]]:
        """Returns the optimisers of generator and posterior, each with its variables."""
        found = [(self.optimizer, self.stage.variables)]
        if self.with_posterior:
            found.append((self.posterior_optimizer, self.task.posterior.trainable_variables))
        return found

    def apply_to_generator(self, gradients, highest_rate: float, progress) -> None:
        """Applies the gradients of each of `generator_optimizers`; the schedule scales the rate."""
        rate = self.task.control.rate(highest_rate, progress)
        for (optimizer, variables), own in zip(self.generator_optimizers(), gradients, strict=True):
            scales = self.task.transfer.update_scales(variables)
            optimizers.apply(optimizer, rate, own, variables, scales)

    def at_side(self, pictures) -> tf.Tensor:
        """Resizes float32 [N, R, R, 3] to the stage's resolution r by area averages."""
        if pictures.shape[1] == self.stage.side:
            return pictures
        return tf.image.resize(pictures, [self.stage.side] * 2, method="area")

    # Queries of the task.

    def penalty_due(self, step: int) -> bool:
        """Returns whether the discriminator update of `step` includes the penalty."""
        return self.penalty is not None and step % self.penalty.every == 0

    def discriminator_trained(self) -> bool:
        """Returns whether the discriminator has been updated at least once."""
        updates = self.discriminator_optimizer.iterations.value
        # With several devices each may hold its own count.
        return int(getattr(updates, "values", [updates])[0]) > 0

    def logits(self, step, images: list, conditions: list) -> list[tf.Tensor]:
        """Returns logits of augmented pictures; all lists go through one pass.

        Args:
          step: int [], seeds the augmentation.
          images: float32 [n, R, R, 3] pictures in [-1, 1], one tensor for each kind.
          conditions: float32 [n, c], in the same order.

        Returns:
          float32 [n] for each kind.
        """
        pictures = tf.concat([self.at_side(x) for x in images], 0)
        augmented = self.augmentation(pictures, fold(self.task.control.seed(step), 8))
        logits = self.discriminator((augmented, tf.concat(conditions, 0)))
        return tf.split(logits, [x.shape[0] for x in images])

    def state(self) -> dict[str, object]:
        """Returns everything that training changes except generator and posterior, by name."""
        return {
            "discriminator": self.discriminator,
            "optimizer": self.optimizer,
            "posterior_optimizer": self.posterior_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "augmentation": self.augmentation,
        }


def chosen_penalty(settings: GeneratorSettings, side: int) -> PenaltyTerm | None:
    """Returns the penalty of the settings, or of their loss if `penalty` is `auto`.

    Args:
      settings: the generator's settings.
      side: resolution of the discriminator's input, in pixels.
    """
    by_loss = ADVERSARIAL[settings.loss_in_use].penalty
    return penalty_term(
        by_loss if settings.penalty == "auto" else settings.penalty,
        resolution=side,
        batch_size=settings.batch_size,
        weight=settings.penalty_weight,
        every=settings.penalty_every,
    )


class GanTask(TextToImageTask):
    """Trains the GANs of the generator's stages one after the other.

    Each GAN gets an equal share of the training. Its first `adversarial_from` is the ELBO phase,
    the rest the adversarial phase. Each phase has its own progress from 0 to 1 and hence its own
    learning rate schedule.
    """

    def __init__(
        self,
        experiment: Experiment,
        prepared: PreparedData,
        policy: str,
        encoder: Encoder,
        start: Start | None = None,
    ):
        super().__init__(experiment, prepared, policy, encoder, start)
        resolution, width = experiment.data.resolution, self.condition_dim
        self.posterior = build_posterior(
            experiment, self.grid.shape[1:], width, self.noise_width, policy
        )
        self.transfer.load("posterior", self.posterior)
        discriminators = build_discriminators(experiment, width, policy)
        names = discriminator_names(len(discriminators))
        by_name = dict(zip(names, discriminators, strict=True))
        for name, discriminator in by_name.items():
            self.transfer.load(name, discriminator)
        self.further = {"posterior": self.posterior, **by_name}
        self.start = self.transfer.summary()
        self.agreement = Agreement(self.settings, encoder, resolution)
        stages = stages_of(self.generator, self.settings, resolution)
        self.gans = [
            Gan(self, stage, discriminator, policy)
            for stage, discriminator in zip(stages, discriminators, strict=True)
        ]

    def train_step(self, step: int, progress: float, batch) -> Losses:
        self.transfer.set_progress(progress)
        gan, progress = self._gan_at(progress)
        begins = self.settings.adversarial_from
        number = tf.constant(step)
        if progress < begins:
            return gan.elbo_update(number, tf.constant(progress / begins, tf.float32), *batch)
        progress = (progress - begins) / (1.0 - begins)
        whole = (step + 1) % gan.discriminator_steps == 0
        update = gan.update[whole, gan.penalty_due(step)]
        losses = update(number, tf.constant(progress, tf.float32), *batch)
        if self.settings.augment_adaptive and step % CONTROL_EVERY == 0:
            losses["augment_probability"] = self._control(gan, step, batch)
        return losses

    def _gan_at(self, progress: float) -> tuple[Gan, float]:
        """Returns the GAN that is trained at `progress`, and its own progress, below 1."""
        along = min(progress, 1.0 - 1e-6) * len(self.gans)
        return self.gans[int(along)], along - int(along)

    def _control(self, gan: Gan, step: int, batch) -> tf.Tensor:
        """Adapts the augmentation probability to the discriminator's overfitting."""
        count = self._looked_at()
        images, text, _ = batch
        seen = (images[:count], text.condition[:count])
        train, held_out, fake = self._logits(gan, tf.constant(step), seen, self._held_out(0, count))
        gan.augmentation.control(train, held_out, fake, CONTROL_EVERY * self.batch_size)
        return tf.convert_to_tensor(gan.augmentation.probability)

    def validate(self) -> dict[str, float]:
        """Adds the last trained discriminator's overfitting, see `trainer.augment.overfitting`."""
        figures = super().validate()
        trained = [gan for gan in self.gans if gan.discriminator_trained()]
        if not trained or not self._looked_at():
            return figures
        return figures | {"discriminator_gap": self._gap(trained[-1])}

    def _gap(self, gan: Gan) -> float:
        count = self._looked_at()
        pictures = min(GAP_PICTURES, len(self.held_noise), len(self.train))
        found = []
        for start in range(0, pictures - count + 1, count):
            rows = slice(start, start + count)
            seen = (self.train.images[rows], self.text.condition[rows, 0])
            found.append(
                self._logits(gan, tf.constant(0), seen, self._held_out(start, start + count))
            )
        return float(overfitting(*(tf.concat(part, 0) for part in zip(*found, strict=True))))

    def _looked_at(self) -> int:
        """Returns how many pictures of each kind one overfitting estimate uses."""
        return min(CONTROL_PICTURES, self.batch_size, len(self.held_noise), len(self.train))

    def _held_out(self, start: int, end: int) -> tuple:
        return self.held_out.images[start:end], self.held_text.condition[start:end]

    @functools.cached_property
    def _logits(self):
        """Compiled function of (GAN, step, training and held-out (uint8 pictures, conditions)).

        It returns the logits of training pictures, held-out pictures and pictures generated for
        the held-out captions.
        """

        def logits(gan, step, train, held):
            noise = tf.constant(self.held_noise[: held[0].shape[0]])
            seen = [to_float(train[0]), to_float(held[0]), gan.stage.generate(noise, held[1])]
            return gan.logits(step, seen, [train[1], held[1], held[1]])

        return graph(logits)

    def state(self):
        parts = {
            "generator": self.generator,
            "average": self.average,
            "collapse": self.collapse,
            "posterior": self.posterior,
        }
        for number, gan in enumerate(self.gans):
            parts |= {f"{name}_{number}": part for name, part in gan.state().items()}
        return parts

    def parameters(self) -> dict[str, int]:
        critics = sum(gan.discriminator.count_params() for gan in self.gans)
        return {"generator": self.generator.count_params(), "discriminator": critics}
