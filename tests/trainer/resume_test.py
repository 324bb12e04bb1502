"""Ten steps equal five, a restart, and five more, to the last bit."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import STAGES
from trainer.engine.checkpoints import newest_whole
from trainer.train import train

# What a checkpoint says of itself and of the clock.
APART = ("elapsed", "save_counter", "_CHECKPOINTABLE_OBJECT_GRAPH")


def state(work_dir):
    """Every weight and every variable of the optimisers, by name, from the newest checkpoint."""
    reader = tf.train.load_checkpoint(str(newest_whole(str(work_dir))))
    names = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in names if not name.startswith(APART)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_restart_changes_nothing(trained, experiment, prepared, tmp_path, monkeypatch, stage):
    done = trained(stage)
    encoder = None if stage == "encoder" else str(trained("encoder").model_dir)
    work_dir = tmp_path / "work"
    shutil.copytree(done.killed_dir, work_dir)
    monkeypatch.setattr(type(done.task), "export", lambda self, directory: None)
    seen, step = [], type(done.task).train_step
    monkeypatch.setattr(
        type(done.task), "train_step", lambda self, n, *rest: seen.append(n) or step(self, n, *rest)
    )
    summary = train(experiment, stage, prepared, str(work_dir), str(tmp_path / "model"), encoder)
    assert seen == [5, 6, 7, 8, 9] and summary.steps == 10

    halfway, straight, resumed = map(state, (done.killed_dir, done.work_dir, work_dir))
    assert straight.keys() == resumed.keys()
    assert [name for name in straight if not np.array_equal(straight[name], resumed[name])] == []
    moved = [name for name in straight if not np.array_equal(straight[name], halfway[name])]
    assert len(moved) > len(straight) / 2
    assert summary.validation == done.summary.validation
