"""The training loop of all stages: restore, then step, log, validate and checkpoint to the end."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from data.base.files import write_whole
from trainer.config import TrainingSettings
from trainer.engine import distribution
from trainer.engine.budget import Budget
from trainer.engine.checkpoints import Checkpoints
from trainer.engine.control import Alarm, BestMetric, LossWatch
from trainer.engine.logs import TrainingLog
from trainer.tasks.base import Task


class TrainingError(RuntimeError):
    """Training cannot continue; the message gives the reason and a remedy."""


@dataclass(frozen=True)
class TrainingSummary:
    """Summary of a finished training.

    Attributes:
      stage: `encoder`, `captioner` or `generator`.
      steps, images: steps and examples, earlier runs of the same training included.
      seconds: their wall-clock time.
      images_per_second: `images` / `seconds`, pauses for logs and checks included.
      precision: the Keras dtype policy.
      precision_reason: why it was chosen.
      device: kind and number of devices.
      parameters: number of parameters by model.
      stop_reason: why training ended.
      validation: held-out metrics of the exported state.
      held_out: size of the held-out split.
      start: `trainer.transfer.start.StartRecord` of the weights from an earlier model, or None.
      replay: `trainer.engine.batches.record_of` the examples from older spans, or None.
      kept_step: the step of the exported state: `steps`, or fewer if `training.keep` is `best`.
      rollbacks: how often a broken training returned to a checkpoint.
      alarms: the reason for each rollback.
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
    kept_step: int
    rollbacks: int
    alarms: list[str]
    held_out: int = 0
    start: dict[str, Any] | None = None
    replay: dict[str, Any] | None = None


def to_json(summary: TrainingSummary) -> bytes:
    """Returns the summary as the bytes of a JSON file."""
    return json.dumps(asdict(summary), indent=2).encode("utf-8")


def run(
    task: Task,
    settings: TrainingSettings,
    work_dir: str,
    precision: tuple[str, str],
) -> TrainingSummary:
    """Trains `task` until its part of the budget is spent.

    A run that was killed continues from the newest checkpoint in `work_dir`.

    Args:
      task: the stage to train.
      settings: budget, schedule, validation and rollbacks.
      work_dir: directory of checkpoints, logs and samples.
      precision: (dtype policy, reason), for the summary.

    Raises:
      TrainingError: training stays broken after all rollbacks, or another worker is lost.
    """
    # Writing a checkpoint is collective: the chief waits until every worker writes, so the others
    # write to a temporary directory.
    own_dir = work_dir if distribution.is_chief() else tempfile.mkdtemp(prefix="tuwen-worker-")
    try:
        return _run(task, settings, work_dir, own_dir, precision)
    except distribution.PEER_LOST as error:
        if distribution.alone():
            raise
        raise TrainingError(
            f"{task.stage}: another worker is gone, so this one ends too. Start all workers again: "
            "they go on from the last checkpoint."
        ) from error
    finally:
        if own_dir != work_dir:
            shutil.rmtree(own_dir, ignore_errors=True)


class _Training:
    """State of one run of the loop."""

    def __init__(self, task: Task, settings: TrainingSettings, work_dir: str, own_dir: str):
        self.task, self.settings = task, settings
        self.clock = distribution.Clock()
        self.control = task.control
        self.best_metric = BestMetric(task.selection_metric)
        parts = task.state() | {"held_out": self.best_metric, "control": self.control}
        self.checkpoints = Checkpoints(parts, work_dir, own_dir, self.best_metric.best_step)
        self.step = 0
        self.losses: dict[str, tf.Tensor] = {}
        self.watch = LossWatch()

    def run(self, log: TrainingLog) -> float:
        """Trains to the end and returns the seconds spent, earlier runs included."""
        self.step = self.checkpoints.restore()
        seconds = 60.0 * self.settings.minutes * self.settings.shares[self.task.stage]
        spent = float(self.checkpoints.elapsed.numpy())
        steps = self.settings.steps_of(self.task.stage)
        self.budget = Budget(None if steps else seconds, steps, spent, self.clock)
        self.saved = self.looked = self.budget.elapsed
        if self.step == 0:
            # A rollback needs a checkpoint, even before the first is due.
            self.checkpoints.save(0, self.budget.elapsed)
        while True:
            try:
                while not self.over():
                    self.advance(log)
                trained = self.budget.elapsed
                if self.losses:
                    self.watch.check(log.record(self.step, self.budget, self.losses))
                    self.save()
                return trained
            except Alarm as alarm:
                self.roll_back(alarm, log)

    @property
    def rollbacks(self) -> int:
        """Number of rollbacks so far."""
        return int(self.control.rollback_count.numpy())

    def over(self) -> bool:
        """Returns whether the budget is spent or early stopping applies."""
        return self.budget.over(self.step) or self.out_of_patience()

    def out_of_patience(self) -> bool:
        """Returns whether `training.patience` checks have passed without improvement."""
        waited = int(self.best_metric.checks_without_improvement.numpy())
        return self.settings.patience is not None and waited >= self.settings.patience

    def stop_reason(self) -> str:
        """Returns why training ended, for the summary."""
        if self.best_metric.figure is not None and self.out_of_patience():
            return f"{self.settings.patience} checks brought no better {self.best_metric.figure[0]}"
        fixed = self.settings.steps_of(self.task.stage)
        return "the fixed number of steps is done" if fixed else "the time is spent"

    def advance(self, log: TrainingLog) -> None:
        """Runs one step, then logs, validates and saves as due.

        Raises:
          Alarm: the training is broken.
        """
        task, budget, step = self.task, self.budget, self.step
        self.losses = task.train_step(step, budget.progress(step), task.batch(step))
        self.step += 1
        self.clock.tick()
        if log.due(self.step):
            self.watch.check(log.record(self.step, budget, self.losses))
        if self.check_due():
            self.look(log)
        if budget.elapsed - self.saved > self.settings.checkpoint_seconds:
            # Check before saving: a broken state must not become the rollback target.
            self.watch.check({name: float(value) for name, value in self.losses.items()})
            self.save()

    def check_due(self) -> bool:
        """Returns whether a held-out check is due, by steps or by time."""
        every = self.settings.check_steps
        if every is not None:
            return self.step % every == 0
        return self.budget.elapsed - self.looked > self.settings.sample_seconds

    def look(self, log: TrainingLog) -> None:
        """Validates: raises alarms, saves the best state, lowers the rate on a plateau.

        Raises:
          Alarm: the task reports broken held-out metrics.
        """
        figures = log.look(self.step, self.budget, self.task)
        self.looked = self.budget.elapsed
        wrong = self.task.alarms(figures)
        # The chief decides, so that all workers roll back together.
        if distribution.of_chief(float(len(wrong))):
            raise Alarm("; ".join(wrong))
        settings, best_metric = self.settings, self.best_metric
        if best_metric.update(self.step, figures) and settings.keep == "best":
            self.checkpoints.save_best(self.step)
        waited = int(best_metric.waited.numpy()) >= settings.plateau_checks
        if settings.schedule == "plateau" and waited:
            self.control.lowered.assign(self.control.lowered * settings.plateau_factor)
            best_metric.waited.assign(0)

    def save(self) -> None:
        """Writes a checkpoint of the current state."""
        self.checkpoints.save(self.step, self.budget.elapsed)
        self.saved = self.budget.elapsed

    def keep_best(self, figures: dict[str, float]) -> int:
        """Loads the best state if it is not the current one; returns its step.

        Args:
          figures: held-out metrics of the current state.
        """
        if self.best_metric.update(self.step, figures):
            self.checkpoints.save_best(self.step)
        kept = int(self.best_metric.best_step.numpy()) or self.step
        if kept != self.step:
            self.checkpoints.restore_best(kept)
        return kept

    def roll_back(self, alarm: Alarm, log: TrainingLog) -> None:
        """Returns to the last checkpoint, with other random draws and half the learning rate.

        Raises:
          TrainingError: all rollbacks are used up.
        """
        rollbacks, broken_at = self.rollbacks, self.step
        if rollbacks >= self.settings.rollbacks:
            stage, after = self.task.stage, f", after {rollbacks} rollbacks" if rollbacks else ""
            raise TrainingError(
                f"{stage}: {alarm} at step {broken_at}{after}. The last checkpoint is sound: lower "
                f"{stage}.learning_rate (or training.precision: float32) and run again."
            )
        self.step = self.checkpoints.restore()
        # Set, not incremented: the checkpoint may be older than the previous rollback.
        self.control.rollback_count.assign(rollbacks + 1)
        self.watch, self.losses = LossWatch(), {}
        self.budget.rewind(self.step)
        done = f"back to step {self.step}, other draws, half the learning rate"
        log.alarm(broken_at, self.budget, f"{alarm}: {done}")


def _run(task, settings, work_dir, own_dir, precision) -> TrainingSummary:
    training = _Training(task, settings, work_dir, own_dir)
    with TrainingLog(own_dir, task.stage, task.batch_size, training.clock) as log:
        trained = training.run(log)
        step, reason, rollbacks = training.step, training.stop_reason(), training.rollbacks
        validation = log.look(step, training.budget, task)
        kept = training.keep_best(validation) if settings.keep == "best" else step
        if kept != step:
            validation = task.validate()
        alarms = log.alarms()
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
        stop_reason=reason,
        validation=validation,
        kept_step=kept,
        rollbacks=rollbacks,
        alarms=alarms,
        held_out=len(task.held_out),
        start=task.start,
        replay=task.replay,
    )
    write_whole(str(Path(own_dir) / "summary.json"), to_json(summary))
    return summary


def _device() -> str:
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        return f"{replicas} {kind} replicas"
    gpus = tf.config.list_physical_devices("GPU")
    return f"{len(gpus)} GPU" if gpus else "CPU"
