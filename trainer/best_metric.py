"""The stage's own held-out figure over the course of a training: the best, and how long ago."""

from __future__ import annotations

import tensorflow as tf

from trainer import distribution
from trainer.selection_metric import SelectionMetric, figure_of


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
