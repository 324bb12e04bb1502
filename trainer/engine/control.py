"""What the loop decides: rate and draws of coming steps, broken trainings, the best state."""

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

# When a training is broken: losses that are no numbers, and losses that explode.


# A loss explodes when it is so many times what it usually is, or was meant to be (about 1).
FACTOR = 100.0
WINDOW = 64
ENOUGH = 8


class Alarm(Exception):
    """A training is broken; says how."""


class LossWatch:
    """Compares each loss with the median of its last values.

    Medians: a few wild steps, which adversarial losses have, do not move what is usual.
    """

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))

    def check(self, losses: dict[str, float]) -> None:
        """Takes the losses of a step.

        Raises:
          Alarm: a loss is not finite, or more than `FACTOR` times its median and than 1.
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


# What the loop decides about coming steps: their learning rate and their draws.


_SHAPES = {"cosine": warmup_cosine, "constant": warm_up, "plateau": warm_up}
# Between the seeds before and after a rollback: no other run's seed is as far away.
_APART = 1_000_003


class Control:
    """Learning rate and seeds of a stage's steps; its variables are part of the checkpoint.

    Attributes:
      rollback_count: int32 variable. Each rollback halves the rate and changes the draws.
      lowered: float32 variable, the factor that plateaus have made of the rate.
    """

    def __init__(self, training: TrainingSettings):
        self._base, self._shape = training.seed, _SHAPES[training.schedule]
        self.rollback_count = tf.Variable(0, dtype=tf.int32, name="turn")
        self.lowered = tf.Variable(1.0, dtype=tf.float32, name="lowered")

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.rollback_count, self.lowered]

    def seed(self, step: tf.Tensor) -> tf.Tensor:
        """int32 [2] seed of a step."""
        return step_seed(self._base + _APART * self.rollback_count, step)

    def rate(self, highest: float, progress: tf.Tensor) -> tf.Tensor:
        """Learning rate of a step, `highest` where no schedule lowers it."""
        halved = 0.5 ** tf.cast(self.rollback_count, tf.float32)
        return highest * self._shape(progress) * halved * self.lowered


# The stage's own held-out figure over the course of a training: the best, and how long ago.


class BestMetric:
    """Remembers the best value of one figure; its variables are part of the checkpoint.

    Attributes:
      best: float64 variable, signed so that higher is better; the lowest number before any check.
      best_step: int64 variable, the steps done when it was seen.
      checks_without_improvement: int64 variable, checks since the best.
      waited: int64 variable, checks since the best or since the rate was lowered.
    """

    def __init__(self, figure: SelectionMetric | None):
        """None remembers nothing."""
        self.figure = figure
        self.best = tf.Variable(tf.float64.min, dtype=tf.float64, name="best")
        self.best_step = tf.Variable(0, dtype=tf.int64, name="best_step")
        self.checks_without_improvement = tf.Variable(0, dtype=tf.int64, name="stale")
        self.waited = tf.Variable(0, dtype=tf.int64, name="waited")

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.best, self.best_step, self.checks_without_improvement, self.waited]

    def update(self, step: int, figures: dict[str, float]) -> bool:
        """Takes the figures of a check after `step` steps; true when there was none as good."""
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
