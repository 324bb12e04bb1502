"""Whole states of a training on disk: the newest two, and the best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from trainer.alarms import Alarm


class Checkpoints:
    """States of a training: models, optimisers, what steers them, step and time spent.

    Attributes:
      step, elapsed: steps done and seconds spent, as of the last `save` or `restore`.
    """

    def __init__(self, parts: dict[str, Any], directory: str, written_to: str | None = None):
        """Reads below `directory`, and writes there or where `written_to` says.

        Args:
          parts: objects with `variables`, by name.
        """
        self.step = tf.Variable(0, dtype=tf.int64, name="step")
        self.elapsed = tf.Variable(0.0, dtype=tf.float64, name="elapsed")
        # By their variables: TensorFlow does not see layers that a Keras model keeps in a list.
        self._state = {
            name: [v.value if isinstance(v, keras.Variable) else v for v in part.variables]
            for name, part in parts.items()
        }
        self._checkpoint = tf.train.Checkpoint(step=self.step, elapsed=self.elapsed, **self._state)
        self._directory, self._own = directory, written_to or directory
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, f"{self._own}/checkpoints", max_to_keep=2
        )

    def restore(self) -> int:
        """Loads the newest checkpoint, if there is one, and returns the steps done."""
        path = tf.train.latest_checkpoint(f"{self._directory}/checkpoints")
        if path:
            self._checkpoint.restore(path).assert_consumed()
        return int(self.step.numpy())

    def save(self, step: int, elapsed: float) -> None:
        """Writes a checkpoint.

        Raises:
          Alarm: some of the state is not finite, and nothing was written.
        """
        broken = [name for name, values in self._state.items() if not all(map(_finite, values))]
        if broken:
            raise Alarm(f"{', '.join(broken)} is not finite")
        self.step.assign(step)
        self.elapsed.assign(elapsed)
        self._manager.save(checkpoint_number=step)

    def save_best(self, step: int) -> None:
        """Writes the state of now beside the checkpoints as that of `step`."""
        self.step.assign(step)
        self._checkpoint.write(f"{self._own}/best/ckpt-{step}")

    def restore_best(self, step: int) -> None:
        """Loads what `save_best` wrote of `step`."""
        self._checkpoint.restore(f"{self._directory}/best/ckpt-{step}").assert_consumed()

    def forget_best_but(self, step: int) -> None:
        """Deletes other best states: to be called when a checkpoint that names `step` is there."""
        for path in Path(f"{self._own}/best").glob("ckpt-*"):
            if path.name.partition(".")[0] != f"ckpt-{step}":
                path.unlink()


def _finite(variable: tf.Variable) -> bool:
    if not variable.dtype.is_floating:
        return True
    return bool(tf.reduce_all(tf.math.is_finite(variable)).numpy())
