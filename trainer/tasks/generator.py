"""Trains a generator against its discriminator on the frozen encoder's sentence codes."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from data.graphs import graph
from data.images import to_float
from data.prepared import PreparedData
from trainer import distribution
from trainer.adapt.ada import GAP_PICTURES, Augmentation, overfitting
from trainer.adapt.colour_words import name_colours
from trainer.config import Experiment
from trainer.losses.penalties import PenaltyTerm
from trainer.models.build import build_discriminators, build_posterior
from trainer.models.encoder import Encoder
from trainer.models.parts import parts_of
from trainer.tasks.agreement import Agreement
from trainer.tasks.game import Game
from trainer.tasks.painting import PaintingTask
from trainer.transfer.parts import discriminator_names
from trainer.transfer.start import Start

# Steps between two looks at the discriminator's overfitting, and pictures looked at.
CONTROL_EVERY = 8
CONTROL_PICTURES = 64


class GeneratorTask(PaintingTask):
    """One game after the other, one for each stage of the generator.

    Each game has an equal share of the training: first the bound alone, then the game itself. The
    rates of both have a schedule of their own.
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
        resolution, width = experiment.data.resolution, self.condition_width
        self.posterior = build_posterior(
            experiment, self.grid.shape[1:], width, self.noise_width, policy
        )
        self.beginning.take("posterior", self.posterior)
        critics = build_discriminators(experiment, width, policy)
        by_name = dict(zip(discriminator_names(len(critics)), critics, strict=True))
        for name, critic in by_name.items():
            self.beginning.take(name, critic)
        self.further = {"posterior": self.posterior, **by_name}
        self.start = self.beginning.done()
        agreement = Agreement(self.settings, encoder, resolution)
        named = name_colours(prepared.tokens.pieces)
        parts = parts_of(self.generator, self.settings, resolution)
        self.games = [
            Game(
                experiment,
                part,
                discriminator,
                self.posterior,
                agreement,
                self.control,
                self.beginning,
                Augmentation(self.settings, named),
                policy,
            )
            for part, discriminator in zip(parts, critics, strict=True)
        ]
        self._step_of = functools.cache(self._compile)

    def _compile(self, game: Game, kind: str, penalty: PenaltyTerm | None):
        kinds: dict[str, Callable[..., dict[str, tf.Tensor]]] = {
            "bound": game.bound,
            "judge": functools.partial(game.judge, penalty=penalty),
            "play": functools.partial(game.play, penalty=penalty),
        }

        def run(step, progress, *batch):
            losses = kinds[kind](step, progress, *batch)
            if kind != "judge":
                self.update_average(step, game.discriminator_steps if kind == "play" else 1)
            return losses

        return distribution.function(run)

    def train_step(self, step: int, progress: float, batch) -> dict[str, tf.Tensor]:
        self.beginning.at(progress)
        game, progress = self._now(progress)
        begins = self.settings.adversarial_from
        if progress < begins:
            kind, progress = "bound", progress / begins
        else:
            last = (step + 1) % game.discriminator_steps == 0
            kind, progress = "play" if last else "judge", (progress - begins) / (1.0 - begins)
        penalty = None if kind == "bound" else game.penalty_of(step)
        run = self._step_of(game, kind, penalty)
        losses = run(tf.constant(step), tf.constant(progress, tf.float32), *batch)
        if kind != "bound" and self.settings.augment_adaptive and step % CONTROL_EVERY == 0:
            losses["augment_probability"] = self._control(game, step, batch)
        return losses

    def _now(self, progress: float) -> tuple[Game, float]:
        """The game that is on, and how much of it is done, below 1."""
        along = min(progress, 1.0 - 1e-6) * len(self.games)
        return self.games[int(along)], along - int(along)

    def _control(self, game: Game, step: int, batch) -> tf.Tensor:
        """Lets the augmentation follow the discriminator's overfitting."""
        count = self._looked_at()
        images, text, _ = batch
        seen = (images[:count], text.condition[:count])
        train, held_out, fake = self._logits(
            game, tf.constant(step), seen, self._held_out(0, count)
        )
        game.augmentation.control(train, held_out, fake, CONTROL_EVERY * self.batch_size)
        return tf.convert_to_tensor(game.augmentation.probability)

    def validate(self) -> dict[str, float]:
        """Adds the last trained discriminator's overfitting, as `trainer.adapt.ada` has it."""
        figures = super().validate()
        trained = [game for game in self.games if game.has_judged()]
        if not trained or not self._looked_at():
            return figures
        return figures | {"discriminator_gap": self._gap(trained[-1])}

    def _gap(self, game: Game) -> float:
        count = self._looked_at()
        pictures = min(GAP_PICTURES, len(self.held_noise), len(self.train))
        found = []
        for start in range(0, pictures - count + 1, count):
            rows = slice(start, start + count)
            seen = (self.train.images[rows], self.text.condition[rows, 0])
            found.append(
                self._logits(game, tf.constant(0), seen, self._held_out(start, start + count))
            )
        return float(overfitting(*(tf.concat(part, 0) for part in zip(*found, strict=True))))

    def _looked_at(self) -> int:
        """Pictures of one look, of each kind."""
        return min(CONTROL_PICTURES, self.batch_size, len(self.held_noise), len(self.train))

    def _held_out(self, start: int, end: int) -> tuple:
        return self.held_out.images[start:end], self.held_text.condition[start:end]

    @functools.cached_property
    def _logits(self):
        """Function of game, step, train and held-out (uint8 pictures, conditions): their logits
        and those of pictures painted for the held-out captions."""

        def logits(game, step, train, held):
            noise = tf.constant(self.held_noise[: held[0].shape[0]])
            seen = [to_float(train[0]), to_float(held[0]), game.part.paint(noise, held[1])]
            told = [train[1], held[1], held[1]]
            return game.logits(step, seen, told)

        return graph(logits)

    def state(self):
        parts = {
            "generator": self.generator,
            "average": self.average,
            "collapse": self.collapse,
            "posterior": self.posterior,
        }
        for number, game in enumerate(self.games):
            parts |= {f"{name}_{number}": part for name, part in game.state().items()}
        return parts

    def parameters(self) -> dict[str, int]:
        critics = sum(game.discriminator.count_params() for game in self.games)
        return {"generator": self.generator.count_params(), "discriminator": critics}
