"""The moving average: its half-life in images, and its arithmetic."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.engine import schedules


def kept_of(first, images, batch_size, half_life):
    """Share that a weight seen after `first` images still has `images` later."""
    steps = range(first + batch_size, first + images + 1, batch_size)
    return np.prod([float(schedules.decay(seen, batch_size, half_life)) for seen in steps])


@pytest.mark.parametrize("batch_size", [1, 8, 50])
def test_after_its_half_life_in_images_half_is_left(batch_size):
    assert kept_of(10**6, 400, batch_size, 400.0) == pytest.approx(0.5, rel=1e-3)
    assert kept_of(10**6, 800, batch_size, 400.0) == pytest.approx(0.25, rel=1e-3)


def test_early_the_half_life_is_a_twentieth_of_the_images_seen():
    assert float(schedules.decay(1000, 50, 10**6)) == pytest.approx(0.5)
    assert float(schedules.decay(2000, 50, 10**6)) == pytest.approx(0.5**0.5)
    assert float(schedules.decay(10**9, 50, 100)) == pytest.approx(0.5**0.5)


def test_the_first_step_forgets_the_initial_weights():
    assert float(schedules.decay(8, 8, 5000)) < 1e-5
    assert float(schedules.decay(0, 8, 5000)) == 0.0


def test_update_moves_each_average_towards_its_variable():
    averages = [tf.Variable([4.0, 0.0]), tf.Variable(10.0)]
    variables = [tf.Variable([0.0, 8.0]), tf.Variable(20.0)]
    schedules.update(averages, variables, 0.75)
    np.testing.assert_allclose(averages[0], [3.0, 2.0])
    np.testing.assert_allclose(averages[1], 12.5)
    np.testing.assert_allclose(variables[0], [0.0, 8.0])


def test_unequal_lists_are_refused():
    with pytest.raises(ValueError):
        schedules.update([tf.Variable(1.0)], [], 0.5)
