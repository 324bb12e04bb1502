"""The loop, with a task that only counts."""

import json
import math
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.config import Experiment, TrainingSettings
from trainer.engine import loop
from trainer.engine.checkpoints import Checkpoints
from trainer.engine.control import BestMetric, Control
from trainer.engine.selection_metric import SelectionMetric
from trainer.settings_loader import from_mapping, override
from trainer.tasks.base import Task


class Counter(Task):
    """Adds the step's number and its progress to two sums; breaks as told."""

    stage, batch_size, held_out = "captioner", 4, ()

    def __init__(self, killed_at=None, nan_from=None):
        self.control = Control(TrainingSettings())
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

    def export(self, directory):
        raise AssertionError("the loop exports nothing")


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
    held_out = SimpleNamespace(variables=BestMetric(None).variables)
    checkpoints = Checkpoints(
        Counter().state() | {"held_out": held_out, "control": Control(TrainingSettings())},
        str(tmp_path),
    )
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
        run(Counter(nan_from=9), tmp_path, rollbacks=0)
    message = str(caught.value)
    assert "cross_entropy is not finite at step 10" in message and "other" not in message
    for key in re.findall(r"\w+\.\w+(?=[ :])", message.partition("lower")[2]):
        value = "float32" if "precision" in key else "1.0e-5"
        from_mapping(Experiment, override({}, f"{key}={value}"), "remedy")
    assert "captioner.learning_rate" in message and "training.precision" in message
    assert not (tmp_path / "summary.json").exists()


def test_no_checkpoint_is_made_of_a_broken_state(tmp_path):
    with pytest.raises(loop.TrainingError, match="at step 4"):
        run(Counter(nan_from=3), tmp_path, rollbacks=0)
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


class Steered(Counter):
    """Can be rolled back; its figure rises until step `peak`, then falls."""

    def __init__(self, peak=4, broken=None, **kwargs):
        super().__init__(**kwargs)
        self.control = Control(TrainingSettings(schedule="plateau"))
        self.peak, self.broken = peak, broken or (lambda step, turn: {})
        self.turns = []

    @property
    def selection_metric(self):
        return SelectionMetric("figure", higher=False)

    def train_step(self, step, progress, batch):
        turn = int(self.control.rollback_count.numpy())
        self.turns.append(turn)
        losses = super().train_step(step, progress, batch)
        return losses | self.broken(step, turn)

    def validate(self):
        done = int(self.steps.numpy())
        return {"figure": float(abs(done - sum(range(self.peak)))), "sum": float(done)}


PATIENT = {"check_steps": 1, "patience": 2, "keep": "best"}


def test_it_ends_when_patience_does_and_keeps_the_best(tmp_path):
    task = Steered()
    summary = run(task, tmp_path, **PATIENT)
    assert task.seen == [0, 1, 2, 3, 4, 5] and summary.steps == 6 and summary.kept_step == 4
    assert summary.stop_reason == "2 checks brought no better figure"
    assert summary.validation == {"figure": 0.0, "sum": 6.0} and int(task.steps) == 6
    again = Steered()
    assert run(again, tmp_path, **PATIENT).kept_step == 4
    assert again.seen == [] and int(again.steps) == 6


def test_by_default_the_last_state_is_kept(tmp_path):
    summary = run(Steered(), tmp_path, check_steps=1)
    assert summary.steps == summary.kept_step == 10 and summary.validation["sum"] == 45.0
    assert not (tmp_path / "best").exists()


@pytest.mark.parametrize("killed_at", [4, 5])
def test_patience_and_the_best_survive_a_kill(tmp_path, killed_at):
    with pytest.raises(KeyboardInterrupt):
        run(Steered(killed_at=killed_at), tmp_path, **PATIENT)
    task = Steered()
    summary = run(task, tmp_path, **PATIENT)
    assert task.seen == list(range(killed_at, 6)) and summary.kept_step == 4
    assert int(task.steps) == 6


def test_a_best_state_that_no_checkpoint_knows_is_made_again(tmp_path):
    """Killed between the best state and the checkpoint, the one before is still there."""
    changes = PATIENT | {"checkpoint_seconds": 1000.0}
    with pytest.raises(KeyboardInterrupt):
        run(Steered(killed_at=5), tmp_path, **changes)
    assert len(list((tmp_path / "best").glob("*.index"))) == 4
    assert run(Steered(), tmp_path, **changes).kept_step == 4
    assert [path.name for path in (tmp_path / "best").glob("*.index")] == ["ckpt-4.index"]


def nan_at_first(step, turn):
    return {"other": tf.constant(math.nan)} if step >= 5 and turn == 0 else {}


def test_a_broken_training_goes_back_and_on_with_other_draws_and_half_the_rate(tmp_path, capfd):
    task = Steered(broken=nan_at_first)
    before = task.control.seed(3).numpy(), float(task.control.rate(1.0, 0.5))
    summary = run(task, tmp_path)
    assert task.seen == [0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9] and int(task.steps) == 45
    assert task.turns == [0] * 6 + [1] * 5 and summary.rollbacks == 1
    assert (task.control.seed(3).numpy() != before[0]).any()
    assert float(task.control.rate(1.0, 0.5)) == before[1] / 2
    expected = "other is not finite: back to step 5"
    assert [alarm.partition(",")[0] for alarm in summary.alarms] == [f"step 6: {expected}"]
    assert expected in capfd.readouterr().err
    lines = (tmp_path / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    (alarm,) = [record for record in map(json.loads, lines) if "alarm" in record]
    assert alarm["step"] == 6 and alarm["alarm"].startswith(expected)
    resumed = Steered(broken=nan_at_first)
    assert run(resumed, tmp_path).alarms == summary.alarms
    assert int(resumed.control.rollback_count.numpy()) == 1


def test_a_training_that_breaks_before_its_first_checkpoint_begins_anew(tmp_path):
    task = Steered(broken=lambda step, turn: {"other": tf.constant(math.nan if turn < 2 else 1.0)})
    summary = run(task, tmp_path)
    assert task.seen == [0, 0, *range(10)] and summary.rollbacks == 2 and int(task.steps) == 45


def test_too_many_rollbacks_end_in_an_error(tmp_path):
    task = Steered(broken=lambda step, turn: {"other": tf.constant(math.nan)})
    with pytest.raises(loop.TrainingError, match="not finite at step 1, after 2 rollbacks"):
        run(task, tmp_path, rollbacks=2)
    assert task.turns == [0, 1, 2]


def test_an_explosion_and_a_broken_state_are_alarms_too(tmp_path):
    def exploding(step, turn):
        return {"other": tf.constant(150.0 if step == 9 and turn == 0 else 0.01)}

    summary = run(Steered(broken=exploding), tmp_path / "loss")
    assert summary.rollbacks == 1 and "other exploded to 150 from about 0.01" in summary.alarms[0]

    task = Steered()

    def breaking(step, turn):
        if step == 7 and turn == 0:
            task.progress.assign(math.inf)
        return {}

    task.broken = breaking
    summary = run(task, tmp_path / "state")
    assert summary.rollbacks == 1 and "progress is not finite: back to step 7" in summary.alarms[0]
    assert np.isfinite(float(task.progress))


def test_a_task_can_raise_an_alarm_at_its_figures(tmp_path):
    task = Steered()
    task.alarms = lambda figures: ["all is alike"] if task.turns[-1] == 0 else []
    summary = run(task, tmp_path, check_steps=3)
    assert (
        task.seen == [0, 1, 2, *range(2, 10)]
        and "all is alike: back to step 2" in summary.alarms[0]
    )


def test_on_a_plateau_the_rate_falls_and_stays_low_after_a_kill(tmp_path):
    plateau = {"check_steps": 1, "schedule": "plateau", "plateau_checks": 2}
    with pytest.raises(KeyboardInterrupt):
        run(Steered(peak=2, killed_at=5), tmp_path, **plateau)
    task = Steered(peak=2)
    run(task, tmp_path, **plateau)
    assert task.seen == [5, 6, 7, 8, 9]
    assert float(task.control.lowered.numpy()) == 0.5**4
    assert float(task.control.rate(3.0, 0.5)) == pytest.approx(3 * 0.5**4)
