"""What the loop decides about coming steps: their learning rate and their draws."""

from __future__ import annotations

import tensorflow as tf

from trainer.adapt.schedules import warm_up, warmup_cosine
from trainer.config import TrainingSettings
from trainer.randomness import step_seed

_SHAPES = {"cosine": warmup_cosine, "constant": warm_up, "plateau": warm_up}
# Between the seeds of two turns: no other run's seed is as far away.
_APART = 1_000_003


class Control:
    """Learning rate and seeds of a stage's steps; its variables are part of the checkpoint.

    Attributes:
      turn: int32 variable, rollbacks so far. Each halves the rate and changes the draws.
      lowered: float32 variable, the factor that plateaus have made of the rate.
    """

    def __init__(self, training: TrainingSettings):
        self._base, self._shape = training.seed, _SHAPES[training.schedule]
        self.turn = tf.Variable(0, dtype=tf.int32, name="turn")
        self.lowered = tf.Variable(1.0, dtype=tf.float32, name="lowered")

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.turn, self.lowered]

    def seed(self, step: tf.Tensor) -> tf.Tensor:
        """int32 [2] seed of a step."""
        return step_seed(self._base + _APART * self.turn, step)

    def rate(self, highest: float, progress: tf.Tensor) -> tf.Tensor:
        """Learning rate of a step, `highest` where no schedule lowers it."""
        halved = 0.5 ** tf.cast(self.turn, tf.float32)
        return highest * self._shape(progress) * halved * self.lowered
