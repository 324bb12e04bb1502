"""One row's error is its own."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.export.signatures import attempt, first_of, with_errors

pytestmark = pytest.mark.debian13


def test_the_first_message_counts():
    found = first_of(tf.constant(["", "a", ""]), tf.constant(["b", "c", ""]))
    assert found.numpy().tolist() == [b"b", b"a", b""]


def test_rows_with_an_error_are_blank_in_every_output():
    answer = {
        "text": tf.constant([["x", "y"], ["z", "w"]]),
        "number": tf.constant([1.0, float("nan")]),
        "error": tf.constant(["", "later"]),
    }
    found = with_errors(answer, tf.constant(["", "sooner"]))
    assert found["text"].numpy().tolist() == [[b"x", b"y"], [b"", b""]]
    assert found["number"].numpy().tolist() == [1.0, 0.0]
    assert found["error"].numpy().tolist() == [b"", b"sooner"]
    found = with_errors(answer, tf.constant(["", ""]))
    assert found["error"].numpy().tolist() == [b"", b"later"]


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def numbers(rows):
    """Each row as a number, and itself; both from one that may fail."""
    spec = (tf.TensorSpec([2], tf.float32), tf.TensorSpec([], tf.string))
    return attempt(lambda row: (tf.fill([2], tf.strings.to_number(row)), row), rows, spec)


def test_a_row_that_fails_leaves_the_others_alone():
    well, (values, rows) = numbers(tf.constant(["1", "x", "3", ""]))
    assert well.numpy().tolist() == [True, False, True, False]
    np.testing.assert_array_equal(values, [[1, 1], [0, 0], [3, 3], [0, 0]])
    assert rows.numpy().tolist() == [b"1", b"", b"3", b""]


def test_all_rows_may_fail_and_there_may_be_none():
    well, (values, _) = numbers(tf.constant(["x", "y"]))
    assert not well.numpy().any() and not values.numpy().any()
    well, (values, rows) = numbers(tf.constant([], tf.string))
    assert well.shape == (0,) and values.shape == (0, 2) and rows.shape == (0,)
