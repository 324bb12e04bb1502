"""The loop, with a task that only counts."""

import json
import math
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer import loop
from trainer.config import Experiment, TrainingSettings
from trainer.settings_loader import from_mapping, override


class Counter:
    """Adds the step's number and its progress to two sums; breaks as told."""

    stage, batch_size = "captioner", 4

    def __init__(self, killed_at=None, nan_from=None):
        self.steps = keras.Variable(0, dtype="int64", trainable=False)
        self.progress = keras.Variable(0.0)
        self.killed_at, self.nan_from, self.seen = killed_at, nan_from, []

    def batch(self, step):
        return (np.int64(step),)

    def train_step(self, step, progress, batch):
        if step == self.killed_at:
            raise KeyboardInterrupt
        self.seen.append(step)
        self.steps.assign_add(batch[0])
        self.progress.assign_add(progress)
        loss = math.nan if self.nan_from is not None and step >= self.nan_from else 0.5
        return {"cross_entropy": tf.constant(loss), "other": tf.constant(1.0)}

    def state(self):
        parts = {"steps": self.steps, "progress": self.progress}
        return {name: SimpleNamespace(variables=[part]) for name, part in parts.items()}

    def validate(self):
        return {"figure": float(self.steps)}

    def sample_grid(self):
        return np.full((4, 6, 3), 7, np.uint8)

    def parameters(self):
        return {"counter": 2}


def settings(**changes):
    return TrainingSettings(**{"steps": 10, "checkpoint_seconds": 0.0} | changes)


def run(task, directory, **changes):
    return loop.run(task, settings(**changes), str(directory), ("float32", "because"))


def test_it_trains_the_steps_asked_for_and_leaves_what_was_promised(tmp_path):
    task = Counter()
    summary = run(task, tmp_path)
    assert task.seen == list(range(10))
    assert float(task.progress) == pytest.approx(sum(i / 10 for i in range(10)))
    assert (summary.stage, summary.steps, summary.images) == ("captioner", 10, 40)
    assert (summary.precision, summary.precision_reason) == ("float32", "because")
    assert summary.validation == {"figure": 45.0} and summary.parameters == {"counter": 2}
    assert "steps" in summary.stop_reason and summary.device
    written = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert loop.TrainingSummary(**written) == summary
    lines = (tmp_path / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert all(r["images"] == 4 * r["step"] and r["seconds"] > 0 for r in records)
    assert records[-2]["cross_entropy"] == 0.5 and records[-1]["val_figure"] == 45.0
    assert list((tmp_path / "tensorboard").iterdir())
    grid = tf.io.decode_png((tmp_path / "samples" / "step-000010.png").read_bytes())
    np.testing.assert_array_equal(grid, task.sample_grid())


def test_it_looks_at_its_work_while_it_trains(tmp_path):
    run(Counter(), tmp_path, sample_seconds=1e-9)
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == [f"step-{step:06d}.png" for step in range(1, 11)]


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(Counter(killed_at=5), tmp_path)
    assert not (tmp_path / "summary.json").exists()
    task = Counter()
    summary = run(task, tmp_path)
    assert task.seen == [5, 6, 7, 8, 9]
    assert float(task.progress) == pytest.approx(4.5) and int(task.steps) == 45
    assert summary.steps == 10 and summary.images == 40


def test_a_finished_run_trains_no_further(tmp_path):
    first = run(Counter(), tmp_path)
    task = Counter()
    again = run(task, tmp_path)
    assert task.seen == [] and int(task.steps) == 45
    assert again.steps == 10 and again.seconds >= first.seconds
    assert again.validation == first.validation


def test_time_spent_before_counts(tmp_path):
    shares = {"encoder": 1.0, "captioner": 0.5, "generator": 1.0}
    timed = {"steps": None, "minutes": 0.3 / 60 / 0.5, "shares": shares}
    with pytest.raises(KeyboardInterrupt):
        run(Counter(killed_at=5), tmp_path, **timed | {"minutes": 10.0})
    checkpoints = loop.Checkpoints(Counter(), str(tmp_path / "checkpoints"))
    assert checkpoints.restore() == 5
    checkpoints.save(5, elapsed=0.2)
    summary = run(Counter(), tmp_path, **timed)
    assert summary.steps > 5 and summary.seconds >= 0.3 and "time" in summary.stop_reason
    checkpoints.save(5, elapsed=0.4)
    late = Counter()
    assert run(late, tmp_path, **timed).seconds >= 0.4
    assert late.seen == []


def test_a_loss_that_is_not_finite_stops_with_a_remedy(tmp_path):
    with pytest.raises(loop.TrainingError) as caught:
        run(Counter(nan_from=9), tmp_path)
    message = str(caught.value)
    assert "cross_entropy is not finite at step 10" in message and "other" not in message
    for key in re.findall(r"\w+\.\w+(?=[ :])", message.partition("lower")[2]):
        value = "float32" if "precision" in key else "1.0e-5"
        from_mapping(Experiment, override({}, f"{key}={value}"), "remedy")
    assert "captioner.learning_rate" in message and "training.precision" in message
    assert not (tmp_path / "summary.json").exists()


def test_no_checkpoint_is_made_of_a_broken_state(tmp_path):
    with pytest.raises(loop.TrainingError, match="at step 4"):
        run(Counter(nan_from=3), tmp_path)
    task = Counter()
    run(task, tmp_path)
    assert task.seen[0] == 3


def test_checkpoints_are_rare_if_time_between_them_is_long(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(Counter(killed_at=5), tmp_path, checkpoint_seconds=1000.0)
    task = Counter()
    run(task, tmp_path, checkpoint_seconds=1000.0)
    assert task.seen == list(range(10))


def test_a_checkpoint_of_another_state_is_not_taken(tmp_path):
    run(Counter(), tmp_path)

    class Other(Counter):
        def state(self):
            return {"steps": super().state()["steps"]}

    with pytest.raises(AssertionError):
        run(Other(), tmp_path)
