"""Checkpoints of a training: the newest two states, and the best."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from data.base.errors import DataError
from data.base.plain_paths import without_patterns
from trainer.engine.control import Alarm

_KEPT = 2
_INDEX = re.compile(r"ckpt-(\d+)\.index")


class Checkpoints:
    """Saves and restores the complete state of a training.

    Attributes:
      step, elapsed: steps done and seconds spent, as of the last `save` or `restore`.
    """

    def __init__(
        self,
        parts: dict[str, Any],
        directory: str,
        written_to: str | None = None,
        best_step: tf.Variable | None = None,
    ):
        """Prepares checkpoints below `directory`.

        Args:
          parts: objects with `variables`, by name: models, optimisers, control.
          directory: where checkpoints are read.
          written_to: where they are written; None takes `directory`.
          best_step: the variable among them that holds the step of the best state, or None.
        """
        self.step = tf.Variable(0, dtype=tf.int64, name="step")
        self.elapsed = tf.Variable(0.0, dtype=tf.float64, name="elapsed")
        # Track variables, not models: TensorFlow does not track the layers in a Keras model's list.
        self._state = {
            name: [v.value if isinstance(v, keras.Variable) else v for v in part.variables]
            for name, part in parts.items()
        }
        self._checkpoint = tf.train.Checkpoint(step=self.step, elapsed=self.elapsed, **self._state)
        # `restore` creates this variable and then expects it in the checkpoint, so create it first.
        _ = self._checkpoint.save_counter
        self._directory, self._own = directory, written_to or directory
        self._best_step = best_step
        # Steps of the kept checkpoints, each with the step of the best state that it refers to.
        self._kept: dict[int, int] = {}

    def restore(self) -> int:
        """Loads the newest intact checkpoint, if there is any, and returns the steps done.

        Raises:
          DataError: there are checkpoints, but all are damaged.
        """
        found = saved_in(self._directory)
        chosen, faults = _newest_whole(found)
        if faults and chosen is None:
            where = f"{self._directory}/checkpoints"
            remedy = f"Delete {self._directory}, and the training begins again."
            raise DataError(where, f"no checkpoint is whole: {'; '.join(faults)}", remedy)
        if chosen is None:
            return int(self.step.numpy())
        for fault in faults:
            tqdm.write(f"{fault}; going on from step {chosen}", file=sys.stderr)
        self._checkpoint.restore(as_read(found[chosen])).assert_consumed()
        self._kept = {chosen: self._named_best()}
        return int(self.step.numpy())

    def save(self, step: int, elapsed: float) -> None:
        """Writes a checkpoint; deletes older ones and best states without a kept checkpoint.

        Raises:
          Alarm: a variable is not finite; nothing was written.
        """
        broken = [name for name, values in self._state.items() if not all(map(_finite, values))]
        if broken:
            raise Alarm(f"{', '.join(broken)} is not finite")
        self.step.assign(step)
        self.elapsed.assign(elapsed)
        self._checkpoint.write(f"{self._own}/checkpoints/ckpt-{step}")
        self._kept.pop(step, None)
        self._kept = dict([*self._kept.items(), (step, self._named_best())][-_KEPT:])
        for folder, kept in (("checkpoints", self._kept.keys()), ("best", self._kept.values())):
            for old, prefix in _prefixes(f"{self._own}/{folder}").items():
                if old not in kept:
                    _delete(prefix)

    def _named_best(self) -> int:
        return 0 if self._best_step is None else int(self._best_step.numpy())

    def save_best(self, step: int) -> None:
        """Writes the current state to the folder of best states, as that of `step`."""
        self.step.assign(step)
        self._checkpoint.write(f"{self._own}/best/ckpt-{step}")

    def restore_best(self, step: int) -> None:
        """Loads the state that `save_best` wrote at `step`.

        Raises:
          DataError: it is damaged or missing.
        """
        prefix = Path(f"{self._directory}/best/ckpt-{step}")
        if fault := damage(prefix):
            remedy = f"Delete {self._directory}, and the training begins again."
            raise DataError(f"{prefix}.index", f"the best state is damaged ({fault})", remedy)
        self._checkpoint.restore(as_read(prefix)).assert_consumed()


def saved_in(directory: str) -> dict[int, Path]:
    """Returns the checkpoints of the training in `directory` by step, the newest last."""
    return _prefixes(f"{directory}/checkpoints")


def newest_whole(directory: str) -> Path | None:
    """Returns the newest intact checkpoint of the training in `directory`, or None."""
    found = saved_in(directory)
    chosen, _ = _newest_whole(found)
    return None if chosen is None else found[chosen]


def as_read(prefix: Path) -> str:
    """Returns `prefix` by a path without glob characters, which TensorFlow's readers expand."""
    return f"{without_patterns(str(prefix.parent))}/{prefix.name}"


def damage(prefix: Path) -> str | None:
    """Returns why the checkpoint at `prefix` cannot be read, or None if every value can.

    TensorFlow compares the checksum of each value.
    """
    try:
        reader = tf.train.load_checkpoint(as_read(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except Exception as error:
        # The reader raises IndexError, RuntimeError, ValueError or a TensorFlow error.
        return (str(error).splitlines() or [type(error).__name__])[0][:100]
    return None


def _prefixes(directory: str) -> dict[int, Path]:
    """Returns the states in a folder by step, the newest last.

    It reads file names, because TensorFlow's own search fails if its index file is damaged.
    """
    place = Path(directory)
    names = [path.name for path in place.iterdir()] if place.is_dir() else []
    steps = sorted(int(match[1]) for match in map(_INDEX.fullmatch, names) if match)
    return {step: place / f"ckpt-{step}" for step in steps}


def _newest_whole(found: dict[int, Path]) -> tuple[int | None, list[str]]:
    """Returns the newest step with an intact checkpoint, and a message about each newer one."""
    faults: list[str] = []
    for step, prefix in sorted(found.items(), reverse=True):
        fault = damage(prefix)
        if fault is None:
            return step, faults
        faults.append(f"{prefix} is damaged ({fault})")
    return None, faults


def _delete(prefix: Path) -> None:
    """Deletes a checkpoint, its index first, so that a partly deleted one is not read."""
    prefix.with_name(f"{prefix.name}.index").unlink(missing_ok=True)
    for path in prefix.parent.glob(f"{prefix.name}.*"):
        path.unlink(missing_ok=True)


def _finite(variable: tf.Variable) -> bool:
    if not variable.dtype.is_floating:
        return True
    return bool(tf.reduce_all(tf.math.is_finite(variable)).numpy())
