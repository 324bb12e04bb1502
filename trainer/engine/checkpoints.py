"""Whole states of a training on disk: the newest two, and the best."""

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
    """States of a training: models, optimisers, what steers them, step and time spent.

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
        """Reads below `directory`, and writes there or where `written_to` says.

        Args:
          parts: objects with `variables`, by name.
          best_step: the one of these variables that names the best state, if there is one.
        """
        self.step = tf.Variable(0, dtype=tf.int64, name="step")
        self.elapsed = tf.Variable(0.0, dtype=tf.float64, name="elapsed")
        # By their variables: TensorFlow does not see layers that a Keras model keeps in a list.
        self._state = {
            name: [v.value if isinstance(v, keras.Variable) else v for v in part.variables]
            for name, part in parts.items()
        }
        self._checkpoint = tf.train.Checkpoint(step=self.step, elapsed=self.elapsed, **self._state)
        # A variable that `restore` makes and then looks for: it has to be there from the start.
        _ = self._checkpoint.save_counter
        self._directory, self._own = directory, written_to or directory
        self._best_step = best_step
        # The checkpoints to keep, with the best state that each names.
        self._kept: dict[int, int] = {}

    def restore(self) -> int:
        """Loads the newest checkpoint that is whole, if there is any, and returns the steps done.

        Raises:
          DataError: there are checkpoints, and all are damaged.
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
        """Writes a checkpoint; deletes older ones, and best states that none left names.

        Raises:
          Alarm: some of the state is not finite, and nothing was written.
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
        """Writes the state of now beside the checkpoints as that of `step`."""
        self.step.assign(step)
        self._checkpoint.write(f"{self._own}/best/ckpt-{step}")

    def restore_best(self, step: int) -> None:
        """Loads what `save_best` wrote of `step`.

        Raises:
          DataError: it is damaged or gone.
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
    """Returns the newest checkpoint of the training in `directory` that is whole, if any is."""
    found = saved_in(directory)
    chosen, _ = _newest_whole(found)
    return None if chosen is None else found[chosen]


def as_read(prefix: Path) -> str:
    """Returns `prefix` as TensorFlow's readers need it, which take its folder for a pattern."""
    return f"{without_patterns(str(prefix.parent))}/{prefix.name}"


def damage(prefix: Path) -> str | None:
    """Why the checkpoint at `prefix` cannot be read, or None where every value can.

    TensorFlow compares a checksum of each.
    """
    try:
        reader = tf.train.load_checkpoint(as_read(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except Exception as error:
        # The reader raises IndexError, RuntimeError, ValueError or an error of TensorFlow's.
        return (str(error).splitlines() or [type(error).__name__])[0][:100]
    return None


def _prefixes(directory: str) -> dict[int, Path]:
    """States in a folder by step, the newest last.

    By the names of the files: TensorFlow's own search stops at a damaged list of them.
    """
    place = Path(directory)
    names = [path.name for path in place.iterdir()] if place.is_dir() else []
    steps = sorted(int(match[1]) for match in map(_INDEX.fullmatch, names) if match)
    return {step: place / f"ckpt-{step}" for step in steps}


def _newest_whole(found: dict[int, Path]) -> tuple[int | None, list[str]]:
    """The newest step whose checkpoint is whole, and a sentence about each newer one."""
    faults: list[str] = []
    for step, prefix in sorted(found.items(), reverse=True):
        fault = damage(prefix)
        if fault is None:
            return step, faults
        faults.append(f"{prefix} is damaged ({fault})")
    return None, faults


def _delete(prefix: Path) -> None:
    """Deletes a checkpoint, its index first: without it nobody takes the rest for whole."""
    prefix.with_name(f"{prefix.name}.index").unlink(missing_ok=True)
    for path in prefix.parent.glob(f"{prefix.name}.*"):
        path.unlink(missing_ok=True)


def _finite(variable: tf.Variable) -> bool:
    if not variable.dtype.is_floating:
        return True
    return bool(tf.reduce_all(tf.math.is_finite(variable)).numpy())
