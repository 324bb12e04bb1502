"""Decisions of the loop: learning rate and seeds, alarms, the best state."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from statistics import median

import tensorflow as tf

from trainer.config import TrainingSettings
from trainer.engine import distribution
from trainer.engine.randomness import step_seed
from trainer.engine.schedules import warm_up, warmup_cosine
from trainer.engine.selection_metric import SelectionMetric, figure_of

# Broken trainings: losses that are not finite, and losses that explode.


# A loss explodes above so many times its recent median. The median counts as at least 1, the
# magnitude that losses are scaled to.
FACTOR = 100.0
WINDOW = 64
ENOUGH = 8


class Alarm(Exception):
    """A training is broken; the message gives the reason."""


class LossWatch:
    """Compares each loss with the median of its last values.

    The median is robust to the few outliers that adversarial losses have.
    """

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))

    def check(self, losses: dict[str, float]) -> None:
        """Checks the losses of a step and adds them to the window.

        Raises:
          Alarm: a loss is not finite, or exceeds `FACTOR` times its median and `FACTOR` itself.
        """
        broken = [name for name, value in losses.items() if not math.isfinite(value)]
        if broken:
            raise Alarm(f"{', '.join(broken)} is not finite")
        for name, value in losses.items():
            before = self._seen[name]
            usual = max(1.0, median(before)) if len(before) >= ENOUGH else math.inf
            if abs(value) > FACTOR * usual:
                raise Alarm(f"{name} exploded to {value:.3g} from about {median(before):.3g}")
            before.append(abs(value))


# Learning rate and seeds of the steps.


_SHAPES = {"cosine": warmup_cosine, "constant": warm_up, "plateau": warm_up}
# Added to the seed at each rollback; far more than the seeds of different runs usually differ.
_APART = 1_000_003


class Control:
    """Learning rate and seeds of a stage's steps; its variables are part of the checkpoint.

    Attributes:
      rollback_count: int32 variable. Each rollback halves the rate and changes the draws.
      lowered: float32 variable, the product of all plateau factors so far.
    """

    def __init__(self, training: TrainingSettings):
        self._base, self._shape = training.seed, _SHAPES[training.schedule]
        self.rollback_count = tf.Variable(0, dtype=tf.int32, name="turn")
        self.lowered = tf.Variable(1.0, dtype=tf.float32, name="lowered")

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.rollback_count, self.lowered]

    def seed(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the int32 [2] seed of `step`, int []."""
        return step_seed(self._base + _APART * self.rollback_count, step)

    def rate(self, highest: float, progress: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate at `progress`, float32 [] in [0, 1]; at most `highest`."""
        halved = 0.5 ** tf.cast(self.rollback_count, tf.float32)
        return highest * self._shape(progress) * halved * self.lowered


# The selection metric of a stage over the course of a training.


class BestMetric:
    """Tracks the best value of the selection metric; its variables are part of the checkpoint.

    Attributes:
      best: float64 variable, signed so that higher is better; the lowest float64 before any check.
      best_step: int64 variable, the step of the best value.
      checks_without_improvement: int64 variable, checks since the best value.
      waited: int64 variable, checks since the best value or since the rate was lowered.
    """

    def __init__(self, figure: SelectionMetric | None):
        """Tracks `figure`; None tracks nothing."""
        self.figure = figure
        self.best = tf.Variable(tf.float64.min, dtype=tf.float64, name="best")
        self.best_step = tf.Variable(0, dtype=tf.int64, name="best_step")
        self.checks_without_improvement = tf.Variable(0, dtype=tf.int64, name="stale")
        self.waited = tf.Variable(0, dtype=tf.int64, name="waited")

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.best, self.best_step, self.checks_without_improvement, self.waited]

    def update(self, step: int, figures: dict[str, float]) -> bool:
        """Takes the held-out metrics after `step` steps; returns whether they are a new best."""
        if self.figure is None:
            return False
        name, higher = self.figure
        found = figure_of(figures, name)
        value = distribution.of_chief(found if higher else -found)
        if value > float(self.best.numpy()):
            self.best.assign(value)
            self.best_step.assign(step)
            self.checks_without_improvement.assign(0)
            self.waited.assign(0)
            return True
        self.checks_without_improvement.assign_add(1)
        self.waited.assign_add(1)
        return False
