"""The encoder's step: in parts, and in float16."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.tasks.encoder import EncoderTask


def task(experiment, prepared, policy="float32", **training):
    plain = replace(experiment.encoder, dropout=0.0, shift=0)
    changed = replace(experiment.training, **training)
    return EncoderTask(replace(experiment, encoder=plain, training=changed), prepared, policy)


def test_a_step_in_parts_is_one_update_by_their_mean(experiment, prepared):
    parts = task(experiment, prepared, accumulate=2)
    batch = parts.batch(0)
    halves = [tuple(field[half] for field in batch) for half in (slice(4), slice(4, 8))]
    expected = [
        float(task(experiment, prepared).train_step(0, 0.5, half)["contrastive"]) for half in halves
    ]
    losses = parts.train_step(0, 0.5, batch)
    assert float(losses["contrastive"]) == pytest.approx(np.mean(expected), rel=1e-4)
    assert int(parts.optimizer.iterations) == 1


def test_in_float16_it_learns_and_keeps_the_scale_as_state(experiment, prepared):
    half = task(experiment, prepared, "mixed_float16")
    before = half.model.get_weights()
    for step in range(20):
        losses = half.train_step(step, 0.5, half.batch(step))
        assert all(np.isfinite(float(value)) for value in losses.values())
    # The first gradients overflow, until the scale is low enough.
    assert 10 < int(half.optimizer.iterations) < 20
    moved = [(a != b).any() for a, b in zip(half.model.get_weights(), before, strict=True)]
    assert np.mean(moved) > 0.8
    assert {"dynamic_scale", "step_counter"} <= {
        v.path.rpartition("/")[2] for v in half.state()["optimizer"].variables
    }
