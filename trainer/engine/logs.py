"""Logs of a training: progress bar, JSON lines, TensorBoard and sample grids."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

from data.base.files import write_whole
from trainer.engine.budget import Budget
from trainer.tasks.base import Task

RECORD_SECONDS = 2.0


class TrainingLog:
    """Writes `progress.jsonl`, `samples/` and `tensorboard/` to `work_dir`, a bar to stderr."""

    def __init__(
        self,
        work_dir: str,
        stage: str,
        batch_size: int,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.root, self._clock = Path(work_dir), clock
        (self.root / "samples").mkdir(parents=True, exist_ok=True)
        self.stage, self.batch_size = stage, batch_size
        self._last = (0.0, 0)

    def __enter__(self) -> TrainingLog:
        self._file = (self.root / "progress.jsonl").open("a", encoding="utf-8")
        self._board = tf.summary.create_file_writer(str(self.root / "tensorboard"))
        self._bar = tqdm(total=100, desc=self.stage, unit="%", bar_format=_BAR, mininterval=1.0)
        self._last = (self._clock(), -1)
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()
        self._board.close()
        self._file.close()

    def due(self, step: int) -> bool:
        """Returns whether a record is due.

        Losses are read back from the device only then, because reading waits for the step.
        """
        when, at = self._last
        if at < 0:
            self._last = (self._clock(), step)
            return False
        return self._clock() - when > RECORD_SECONDS

    def record(self, step: int, budget: Budget, losses: dict[str, tf.Tensor]) -> dict[str, float]:
        """Writes the losses of `step` and returns them as Python floats."""
        when, at = self._last
        now = self._clock()
        rate = (step - at) / max(now - when, 1e-9) if at >= 0 else 0.0
        values = {name: float(value) for name, value in losses.items()}
        self._write(step, budget, values | {"images_per_second": rate * self.batch_size})
        self._bar.n = min(100, round(100 * budget.progress(step)))
        self._bar.set_postfix_str(
            f"step {step}, {rate * self.batch_size:.0f} images/s, "
            f"{_clock(budget.seconds_left(step, rate))} left, "
            + ", ".join(f"{name} {value:.3f}" for name, value in values.items())
        )
        self._last = (now, step)
        return values

    def look(self, step: int, budget: Budget, task: Task) -> dict[str, float]:
        """Validates `task`, writes the metrics and a sample grid, and returns the metrics."""
        values = task.validate()
        self._write(step, budget, {f"val_{name}": value for name, value in values.items()})
        grid = task.sample_grid()
        if grid is not None:
            path = self.root / "samples" / f"step-{step:06d}.png"
            write_whole(str(path), tf.io.encode_png(grid).numpy())
            with self._board.as_default():
                tf.summary.image("samples", grid[None], step=step)
        return values

    def alarm(self, step: int, budget: Budget, text: str) -> None:
        """Writes to file, console and TensorBoard what broke at `step` and what was done."""
        self._bar.write(f"{self.stage}, step {step}: {text}", file=sys.stderr)
        self._line(step, budget, {"alarm": text})
        with self._board.as_default():
            tf.summary.text("alarm", text, step=step)

    def alarms(self) -> list[str]:
        """Returns the messages of all alarms of this training, earlier runs included."""
        lines = (self.root / "progress.jsonl").read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines if '"alarm"' in line and line.endswith("}")]
        return [f"step {record['step']}: {record['alarm']}" for record in records]

    def _write(self, step: int, budget: Budget, values: dict[str, float]) -> None:
        self._line(step, budget, values)
        with self._board.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)

    def _line(self, step: int, budget: Budget, values: Mapping[str, float | str]) -> None:
        common = {
            "step": step,
            "images": step * self.batch_size,
            "seconds": round(budget.elapsed, 3),
        }
        self._file.write(json.dumps(common | dict(values)) + "\n")
        self._file.flush()


_BAR = "{desc} {percentage:3.0f}% |{bar:20}| {postfix}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
