"""How the captioner's settings change its steps."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from trainer.tasks.captioner import CaptionerTask


@pytest.fixture(autouse=True)
def _eagerly():
    """Without tracing: a single step is faster so."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def make(trained, experiment, prepared):
    encoder = trained("encoder").task.model

    def task(data=prepared, **chosen):
        settings = replace(experiment.captioner, **chosen)
        return CaptionerTask(replace(experiment, captioner=settings), data, "float32", encoder)

    return task


def weights_after(task, steps, progress):
    for step in range(steps):
        task.train_step(step, progress, task.batch(step))
    return task.model.get_weights()


def same(weights, others):
    return all(np.array_equal(one, other) for one, other in zip(weights, others, strict=True))


def test_own_words_are_heard_more_and_more(make):
    taught = weights_after(make(), 2, 1e-4)
    assert same(weights_after(make(sampled_words=1.0), 2, 1e-4), taught)
    late = weights_after(make(sampled_words=1.0), 2, 0.5)
    assert not same(weights_after(make(), 2, 0.5), late)
    assert same(weights_after(make(sampled_words=1.0), 2, 0.5), late)
