"""Rows in chunks: all of them, in order, always the same number at once."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.export.signatures import in_chunks

pytestmark = pytest.mark.debian13

SPEC = {"double": tf.TensorSpec([2], tf.float32), "sum": tf.TensorSpec([], tf.float32)}


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 11])
def test_every_row_is_answered_in_its_place(count):
    sizes = []

    @tf.function(input_signature=[tf.TensorSpec([None, 2]), tf.TensorSpec([None])])
    def doubled(x, y):
        def double(x, y):
            sizes.append(x.shape[0])
            return {"double": 2 * x, "sum": tf.reduce_sum(x, 1) + y}

        return in_chunks(double, (x, y), 4, SPEC)

    x, y = np.arange(2.0 * count, dtype=np.float32).reshape(count, 2), np.ones(count, np.float32)
    found = doubled(x, y)
    np.testing.assert_array_equal(found["double"], 2 * x)
    np.testing.assert_array_equal(found["sum"], x.sum(1) + 1)
    assert set(sizes) == {4}


def test_the_last_row_stands_in_for_those_that_are_missing():
    @tf.function(input_signature=[tf.TensorSpec([None])])
    def highest(x):
        return in_chunks(lambda x: x * 0 + tf.reduce_max(x), (x,), 4, tf.TensorSpec([]))

    assert highest(tf.constant([-5.0, -2.0])).numpy().tolist() == [-2.0, -2.0]
    assert highest(tf.constant([-5.0, 9, 1, 1, -3, -4])).numpy().tolist() == [9, 9, 9, 9, -3, -3]
