"""Which state of a training is loaded when files are damaged, and which are kept."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from data.base.errors import DataError
from trainer.engine.checkpoints import Checkpoints, newest_whole, saved_in


def state():
    """One network and the variable that names the best state."""
    weights = [tf.Variable(tf.zeros(300)), tf.Variable(tf.zeros(2))]
    best_step = tf.Variable(0, dtype=tf.int64)
    parts = {
        "model": SimpleNamespace(variables=weights),
        "held_out": SimpleNamespace(variables=[best_step]),
    }
    return weights, best_step, parts


@pytest.fixture
def saved(tmp_path):
    """Checkpoints of steps 5, 10 and 15, whose weights are their step; 5 is deleted."""
    weights, best_step, parts = state()
    checkpoints = Checkpoints(parts, str(tmp_path), best_step=best_step)
    for step in (5, 10, 15):
        for weight in weights:
            weight.assign(tf.fill(weight.shape, float(step)))
        best_step.assign(step)
        checkpoints.save_best(step)
        checkpoints.save(step, elapsed=step / 10)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.glob("*.index"))


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def changed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_the_newest_two_are_kept_and_the_best_states_that_they_name(saved):
    assert names(saved / "checkpoints") == names(saved / "best")
    assert list(saved_in(str(saved))) == [10, 15]
    assert not list(saved.rglob("ckpt-5.*"))


@pytest.mark.parametrize("harm", [cut_short, changed, lambda path: path.unlink()])
@pytest.mark.parametrize("file", ["ckpt-15.index", "ckpt-15.data-00000-of-00001"])
def test_a_damaged_newest_checkpoint_is_passed_over(saved, file, harm, capfd):
    harm(saved / "checkpoints" / file)
    weights, best_step, parts = state()
    checkpoints = Checkpoints(parts, str(saved), best_step=best_step)
    assert checkpoints.restore() == 10 and float(checkpoints.elapsed) == 1.0
    assert float(weights[0][0]) == float(weights[1][0]) == 10.0
    assert newest_whole(str(saved)) == saved / "checkpoints" / "ckpt-10"
    # An index that is gone is no checkpoint: the data are written before it.
    assert ("ckpt-15 is damaged" in capfd.readouterr().err) == (
        saved / "checkpoints" / "ckpt-15.index"
    ).exists()
    # The best state that it names is still there.
    checkpoints.restore_best(10)
    checkpoints.save(12, elapsed=1.2)
    assert list(saved_in(str(saved))) == [10, 12]
    assert Checkpoints(state()[2], str(saved)).restore() == 12


def test_where_all_are_damaged_the_training_does_not_begin_again_by_itself(saved):
    for path in (saved / "checkpoints").glob("*.data*"):
        cut_short(path)
    with pytest.raises(DataError) as caught:
        Checkpoints(state()[2], str(saved)).restore()
    assert caught.value.where == f"{saved}/checkpoints" and str(saved) in caught.value.remedy
    assert "ckpt-15" in caught.value.problem and "ckpt-10" in caught.value.problem
    assert newest_whole(str(saved)) is None


def test_a_damaged_best_state_is_named(saved):
    cut_short(saved / "best" / "ckpt-15.data-00000-of-00001")
    with pytest.raises(DataError) as caught:
        Checkpoints(state()[2], str(saved)).restore_best(15)
    assert caught.value.where == f"{saved}/best/ckpt-15.index"


def test_no_checkpoint_is_the_beginning(tmp_path):
    assert Checkpoints(state()[2], str(tmp_path)).restore() == 0


@pytest.mark.parametrize("name", ["a[1]", "b*", "c?", "ü d", "#%$"])
def test_the_directory_is_no_pattern(tmp_path, name):
    weights, _, parts = state()
    checkpoints = Checkpoints(parts, str(tmp_path / name))
    for step in (1, 2, 3):
        weights[0].assign(tf.fill([300], float(step)))
        checkpoints.save(step, 0.0)
    assert list(saved_in(str(tmp_path / name))) == [2, 3]
    weights, _, parts = state()
    assert Checkpoints(parts, str(tmp_path / name)).restore() == 3 and float(weights[0][0]) == 3.0


def test_a_checkpoint_of_tensorflows_manager_is_taken_up(tmp_path):
    """Trainings that were begun when the manager wrote them go on."""
    weights, best_step, parts = state()
    weights[0].assign(tf.fill([300], 7.0))
    values = {name: part.variables for name, part in parts.items()}
    step, elapsed = tf.Variable(7, dtype=tf.int64), tf.Variable(0.7, dtype=tf.float64)
    checkpoint = tf.train.Checkpoint(step=step, elapsed=elapsed, **values)
    place = str(tmp_path / "checkpoints")
    tf.train.CheckpointManager(checkpoint, place, max_to_keep=2).save(checkpoint_number=7)
    weights, best_step, parts = state()
    assert Checkpoints(parts, str(tmp_path), best_step=best_step).restore() == 7
    assert float(weights[0][0]) == 7.0
