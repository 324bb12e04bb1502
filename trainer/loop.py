"""The only training loop: restore, step, log, look, checkpoint, until the budget is spent."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer import distribution
from trainer.budget import Budget
from trainer.config import TrainingSettings
from trainer.logs import TrainingLog
from trainer.tasks.base import Task


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to try."""


@dataclass(frozen=True)
class TrainingSummary:
    """What a finished training was.

    Attributes:
      stage: `encoder`, `captioner` or `generator`.
      steps, images: updates made and examples seen, earlier runs of the same training included.
      seconds: wall-clock time of them.
      images_per_second: `images` / `seconds`, pauses for logs and checks included.
      precision, precision_reason, device: what was computed with and why.
      parameters: trained weights by model.
      stop_reason: why training ended.
      validation: held-out figures at the end.
    """

    stage: str
    steps: int
    images: int
    seconds: float
    images_per_second: float
    precision: str
    precision_reason: str
    device: str
    parameters: dict[str, int]
    stop_reason: str
    validation: dict[str, float]


class Checkpoints:
    """Newest whole state of a training: models, optimisers, step and time spent."""

    def __init__(self, task: Task, directory: str, written_to: str | None = None):
        """Reads from `directory`, and writes there or where `written_to` says."""
        self.step = tf.Variable(0, dtype=tf.int64, name="step")
        self.elapsed = tf.Variable(0.0, dtype=tf.float64, name="elapsed")
        # By their variables: TensorFlow does not see layers that a Keras model keeps in a list.
        state = {name: [v.value for v in part.variables] for name, part in task.state().items()}
        checkpoint = tf.train.Checkpoint(step=self.step, elapsed=self.elapsed, **state)
        self._manager = tf.train.CheckpointManager(
            checkpoint, written_to or directory, max_to_keep=2
        )
        self._directory = directory

    def restore(self) -> int:
        """Loads the newest checkpoint, if there is one, and returns the steps done."""
        path = tf.train.latest_checkpoint(self._directory)
        if path:
            self._manager.checkpoint.restore(path).assert_consumed()
        return int(self.step.numpy())

    def save(self, step: int, elapsed: float) -> None:
        self.step.assign(step)
        self.elapsed.assign(elapsed)
        self._manager.save(checkpoint_number=step)


def run(
    task: Task,
    settings: TrainingSettings,
    work_dir: str,
    precision: tuple[str, str],
) -> TrainingSummary:
    """Trains `task` until its share of the budget is spent.

    A run that was killed goes on from the newest checkpoint in `work_dir`.

    Raises:
      TrainingError: a loss is no longer finite, or another worker is gone.
    """
    # Every worker has to write, or the chief's writing never ends.
    own_dir = work_dir if distribution.is_chief() else tempfile.mkdtemp(prefix="tuwen-worker-")
    checkpoints = Checkpoints(task, f"{work_dir}/checkpoints", f"{own_dir}/checkpoints")
    try:
        return _run(task, settings, own_dir, checkpoints, precision)
    except distribution.PEER_LOST as error:
        if distribution.alone():
            raise
        raise TrainingError(
            f"{task.stage}: another worker is gone, so this one ends too. Start all workers again: "
            "they go on from the last checkpoint."
        ) from error


def _run(task, settings, work_dir, checkpoints, precision) -> TrainingSummary:
    clock = distribution.Clock()
    step = first = checkpoints.restore()
    seconds = None if settings.steps else 60.0 * settings.minutes * settings.shares[task.stage]
    budget = Budget(seconds, settings.steps, float(checkpoints.elapsed.numpy()), clock)
    saved, looked = budget.elapsed, budget.elapsed
    with TrainingLog(work_dir, task.stage, task.batch_size, clock) as log:
        while not budget.over(step):
            losses = task.train_step(step, budget.progress(step), task.batch(step))
            step += 1
            clock.tick()
            if log.due(step):
                _require_finite(log.record(step, budget, losses), step, task.stage)
            if budget.elapsed - looked > settings.sample_seconds:
                log.look(step, budget, task)
                looked = budget.elapsed
            if budget.elapsed - saved > settings.checkpoint_seconds:
                _require_finite(losses, step, task.stage)
                checkpoints.save(step, budget.elapsed)
                saved = budget.elapsed
        trained = budget.elapsed
        if step > first:
            _require_finite(log.record(step, budget, losses), step, task.stage)
            checkpoints.save(step, trained)
        validation = log.look(step, budget, task)
    summary = TrainingSummary(
        stage=task.stage,
        steps=step,
        images=step * task.batch_size,
        seconds=trained,
        images_per_second=step * task.batch_size / max(trained, 1e-9),
        precision=precision[0],
        precision_reason=precision[1],
        device=_device(),
        parameters=task.parameters(),
        stop_reason="the fixed number of steps is done" if settings.steps else "the time is spent",
        validation=validation,
    )
    _write_whole(Path(work_dir) / "summary.json", json.dumps(asdict(summary), indent=2))
    return summary


def _require_finite(losses: dict[str, Any], step: int, stage: str) -> None:
    broken = [name for name, value in losses.items() if not math.isfinite(float(value))]
    if broken:
        raise TrainingError(
            f"{stage}: {', '.join(broken)} is not finite at step {step}. The last checkpoint is "
            f"sound: lower {stage}.learning_rate (or training.precision: float32) and run again."
        )


def _device() -> str:
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        return f"{replicas} {kind} replicas"
    gpus = tf.config.list_physical_devices("GPU")
    return f"{len(gpus)} GPU" if gpus else "CPU"


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
