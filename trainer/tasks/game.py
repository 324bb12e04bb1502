"""One adversarial game: a generator and a discriminator, and the bound that can go before it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from data.images import to_float
from trainer import optimizers
from trainer.adapt.ada import Augmentation
from trainer.adapt.schedules import annealed, ramp
from trainer.config import Experiment, GeneratorSettings
from trainer.control import Control
from trainer.losses.adversarial import ADVERSARIAL
from trainer.losses.penalties import PenaltyTerm, penalty_term
from trainer.models.frozen import SentenceCodes
from trainer.models.parts import Part
from trainer.models.posterior import Posterior, draw
from trainer.precision import float32_compute
from trainer.randomness import fold, normal
from trainer.tasks.agreement import Agreement, evidence
from trainer.tasks.matching import matching_losses
from trainer.tasks.painting import BETAS
from trainer.transfer.beginning import Beginning


class View(NamedTuple):
    """What one step sees.

    Attributes:
      seed: int32 [2], of its draws.
      progress: float32 [], share of this phase that is done.
      real: float32 [N, r, r, 3] pictures in [-1, 1], at the side that the part paints.
      text: codes of their captions, the condition ramped.
      grid: float16 [N, P, C], what the posterior reads.
    """

    seed: tf.Tensor
    progress: tf.Tensor
    real: tf.Tensor
    text: SentenceCodes
    grid: tf.Tensor


class Game:
    """Steps of a generator, or of one stage of it, against its discriminator.

    Three kinds of steps: `bound` only learns to paint real pictures, `judge` only moves the
    discriminator, `play` moves all. Each takes the step's number int64 [], the progress float32 []
    of its phase and the task's batch, and returns losses by name.
    """

    def __init__(
        self,
        experiment: Experiment,
        part: Part,
        discriminator: keras.Model,
        posterior: Posterior,
        agreement: Agreement,
        control: Control,
        beginning: Beginning,
        augmentation: Augmentation,
        policy: str,
    ):
        self.settings = settings = experiment.generator
        self.parts = experiment.training.accumulate
        self.part, self.discriminator = part, discriminator
        self.posterior, self.agreement, self.control = posterior, agreement, control
        self.beginning = beginning
        self.loss = ADVERSARIAL[settings.loss_in_use]
        self.penalty = chosen_penalty(settings, part.side)
        self.discriminator_steps = settings.discriminator_steps or self.loss.discriminator_steps
        self.augmentation = augmentation
        self.bounded = settings.reconstruction_weight > 0
        self.conditional = settings.discriminator != "unconditional"
        painter = functools.partial(
            optimizers.build,
            clip_norm=settings.clip_norm,
            policy=policy,
            betas=BETAS,
            kind=settings.optimizer,
        )
        self.optimizer = painter(part.variables, settings.learning_rate)
        self.posterior_optimizer = painter(posterior.trainable_variables, settings.learning_rate)
        # Not clipped: its gradient is several times as long as `clip_norm` at every step, and a
        # clip would take most of a penalty that only some of the steps have.
        self.discriminator_optimizer = optimizers.build(
            discriminator.trainable_variables,
            settings.discriminator_learning_rate,
            clip_norm=None,
            policy=policy,
            betas=BETAS,
        )

    def has_judged(self) -> bool:
        """Whether the discriminator has learned anything yet."""
        made = self.discriminator_optimizer.iterations.value
        # Of several devices each may hold its own count.
        return int(getattr(made, "values", [made])[0]) > 0

    def penalty_of(self, step: int) -> PenaltyTerm | None:
        """The penalty, if the discriminator's update of `step` has it."""
        due = self.penalty is not None and step % self.penalty.every == 0
        return self.penalty if due else None

    def state(self) -> dict[str, object]:
        """All that changes but the generator and the posterior, by name."""
        return {
            "discriminator": self.discriminator,
            "optimizer": self.optimizer,
            "posterior_optimizer": self.posterior_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "augmentation": self.augmentation,
        }

    def bound(self, step, progress, *batch):
        """Only learns to paint real pictures: a third of a whole step's cost."""
        found, parts = self._over_parts(self._bound_gradients, step, progress, batch)
        self._update_painters(found, self.settings.bound_learning_rate, progress)
        return parts

    def _over_parts(self, compute, step, progress, batch):
        """Means of what `compute` makes of each part's view."""
        return optimizers.accumulated(
            self.parts, lambda *part: compute(self._view(step, progress, *part)), batch
        )

    def _bound_gradients(self, view: View):
        with tf.GradientTape() as tape:
            mean, log_variance = self.posterior((view.grid, view.text.condition))
            inferred = draw(mean, log_variance, fold(view.seed, 5))
            again = self.part.paint(inferred, view.text.condition)
            parts = evidence(again, view.real, mean, log_variance)
            loss = self._bound(parts, annealed(view.progress, self.settings.kl_weight))
            for weight, name, value in self._spread(view.text.condition):
                parts[name] = value
                loss += weight * value
        return optimizers.gradients(tape, loss, *self._painters()), parts

    def judge(self, step, progress, *batch, penalty: PenaltyTerm | None):
        """Moves the discriminator alone."""

        def compute(view):
            fake = self.part.paint(self._noise(view), view.text.condition)
            return self._discriminator_gradients(penalty, view, fake)

        found, losses = self._over_parts(compute, step, progress, batch)
        self._update_discriminator(found, progress)
        return losses

    def play(self, step, progress, *batch, penalty: PenaltyTerm | None):
        """Moves discriminator, generator and posterior.

        The discriminator learns first. Where the whole batch is seen at once, both sides learn from
        the same painting; else the parts are painted once for either.
        """
        if self.parts > 1:
            judged = self.judge(step, progress, *batch, penalty=penalty)
            found, losses = self._over_parts(self._painter_gradients, step, progress, batch)
            losses = judged | losses
        else:

            def learn(view, fake):
                found, judged = self._discriminator_gradients(penalty, view, fake)
                self._update_discriminator(found, progress)
                return judged

            view = self._view(step, progress, *batch)
            found, losses = self._painter_gradients(view, learn)
        self._update_painters(found, self.settings.learning_rate, progress)
        return losses

    def _painter_gradients(self, view: View, before_judging: Callable | None = None):
        """Gradients of generator and posterior, and losses.

        `before_judging` takes the view and the generated pictures, and returns losses of its own.
        """
        with tf.GradientTape() as tape:
            fake, parts = self._painted(view)
            losses = before_judging(view, fake) if before_judging else {}
            loss = self._bound(parts, self.settings.kl_weight) if self.bounded else 0.0
            for weight, name, value in self._generator_terms(view, fake):
                parts[name] = value
                loss += weight * value
        return optimizers.gradients(tape, loss, *self._painters()), losses | parts

    def logits(self, step, images: list, told: list) -> list[tf.Tensor]:
        """Logits [n] of each list of float pictures [n, R, R, 3] with conditions, as augmented."""
        images = [self._at_side(x) for x in images]
        seen = self.augmentation(tf.concat(images, 0), fold(self.control.seed(step), 8))
        logits = self.discriminator((seen, tf.concat(told, 0)))
        return tf.split(logits, [x.shape[0] for x in images])

    def _at_side(self, pictures):
        if pictures.shape[1] == self.part.side:
            return pictures
        return tf.image.resize(pictures, [self.part.side] * 2, method="area")

    def _view(self, step, progress, images, text, grid) -> View:
        real = self._at_side(to_float(images))
        told = text.condition * ramp(progress, self.settings.conditioning_ramp)
        text = text._replace(condition=told)
        return View(self.control.seed(step), progress, real, text, grid)

    def _noise(self, view: View):
        shape = [view.real.shape[0], self.part.noise_width]
        return normal(fold(view.seed, 1), shape)

    def _painted(self, view: View):
        """Pictures of fresh noise and, in the same pass, of the noise inferred from real ones."""
        noise, told = self._noise(view), view.text.condition
        if not self.bounded:
            return self.part.paint(noise, told), {}
        mean, log_variance = self.posterior((view.grid, view.text.condition))
        inferred = draw(mean, log_variance, fold(view.seed, 5))
        painted = self.part.paint(tf.concat([noise, inferred], 0), tf.concat([told] * 2, 0))
        fake, again = tf.split(painted, 2)
        return fake, evidence(again, view.real, mean, log_variance)

    def _bound(self, parts, kl_weight):
        bound = parts["reconstruction"] + kl_weight * parts["kl"]
        return self.settings.reconstruction_weight * bound

    def _painters(self):
        """Optimisers, each with its variables, of all that paints."""
        painters = [(self.optimizer, self.part.variables)]
        if self.bounded:
            painters.append((self.posterior_optimizer, self.posterior.trainable_variables))
        return painters

    def _update_painters(self, found, highest: float, progress) -> None:
        rate = self.control.rate(highest, progress)
        for (optimizer, variables), gradients in zip(self._painters(), found, strict=True):
            shares = self.beginning.shares(variables)
            optimizers.apply(optimizer, rate, gradients, variables, shares)

    def _discriminator_gradients(self, penalty: PenaltyTerm | None, view: View, fake):
        fake = tf.stop_gradient(fake)
        with tf.GradientTape() as tape:
            parts = self._discriminator_losses(view, fake)
            loss = tf.add_n(list(parts.values()))
            if penalty is not None:
                with float32_compute(self.discriminator):
                    parts["penalty"] = self._penalty(penalty, view, fake)
                loss += parts["penalty"] * penalty.every
        updated = (self.discriminator_optimizer, self.discriminator.trainable_variables)
        (found,) = optimizers.gradients(tape, loss, updated)
        return found, parts

    def _update_discriminator(self, found, progress) -> None:
        variables = self.discriminator.trainable_variables
        rate = self.control.rate(self.settings.discriminator_learning_rate, progress)
        shares = self.beginning.shares(variables)
        optimizers.apply(self.discriminator_optimizer, rate, found, variables, shares)
        if self.loss.clip is not None:
            for variable in variables:
                variable.assign(tf.clip_by_value(variable, -self.loss.clip, self.loss.clip))

    def _discriminator_losses(self, view: View, fake):
        real = self.augmentation(view.real, fold(view.seed, 2))
        fake = self.augmentation(fake, fold(view.seed, 3))
        share = self.settings.mismatch_weight if self.conditional else 0.0
        return matching_losses(self.loss, self.discriminator, real, fake, view.text, share)

    def _penalty(self, term: PenaltyTerm, view: View, fake):
        def critic(images, text):
            return self.discriminator((images, text))

        seed = fold(view.seed, 6)
        values = term.penalty(critic, view.real, fake, view.text.condition, seed)
        return term.weight * tf.reduce_mean(values)

    def _generator_terms(self, view: View, fake):
        """Yields weight, name and value of each term."""
        told, real_logit = view.text.condition, None
        seen = self.augmentation(fake, fold(view.seed, 4))
        if self.loss.paired:
            real = self.augmentation(view.real, fold(view.seed, 7))
            real_logit = self.discriminator((real, told))
        adversarial = self.loss.generator(real_logit, self.discriminator((seen, told)))
        yield 1.0, "g_adversarial", tf.reduce_mean(adversarial)
        yield from self.agreement.terms(fake, view.text)
        yield from self._spread(told)

    def _spread(self, told):
        """Yields weight, name and value of what the conditioning augmentation costs, if any."""
        if self.part.divergence is not None:
            spread = tf.reduce_mean(self.part.divergence(told))
            yield self.settings.conditioning_weight, "g_conditioning", spread


def chosen_penalty(settings: GeneratorSettings, side: int) -> PenaltyTerm | None:
    """The penalty that settings ask for, or that their loss brings, on pictures of that side."""
    by_loss = ADVERSARIAL[settings.loss_in_use].penalty
    return penalty_term(
        by_loss if settings.penalty == "auto" else settings.penalty,
        resolution=side,
        batch_size=settings.batch_size,
        weight=settings.penalty_weight,
        every=settings.penalty_every,
    )
