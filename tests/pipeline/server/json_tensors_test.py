"""JSON of answers: names, rows, numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from pipeline.server.config import Limits
from pipeline.server.errors import ServingError
from pipeline.server.rest import read_inputs, write_outputs
from pipeline.server.servables import Spec


def written(in_rows, **outputs):
    return json.loads(write_outputs(outputs, in_rows))


def test_float32_is_written_with_its_own_digits():
    value = np.array([0.1, 1 / 3, 3e-20], np.float32)
    assert written(False, score=value) == {"outputs": [0.1, 0.33333334, 3e-20]}
    np.testing.assert_array_equal(np.array([0.1, 0.33333334, 3e-20], np.float32), value)


def test_bytes_are_told_from_text_by_name():
    value = np.array([b"\x89PNG", "圆".encode()], object)
    assert written(False, image_bytes=value) == {"outputs": [{"b64": "iVBORw=="}, {"b64": "5ZyG"}]}
    assert written(False, caption=value[1:]) == {"outputs": ["圆"]}


def test_rows_hold_all_outputs_or_the_only_one():
    caption, grid = np.array([b"a", b"b"], object), np.arange(4).reshape(2, 2)
    assert written(True, caption=caption, grid=grid) == {
        "predictions": [{"caption": "a", "grid": [0, 1]}, {"caption": "b", "grid": [2, 3]}]
    }
    assert written(True, grid=grid) == {"predictions": [[0, 1], [2, 3]]}


@pytest.mark.parametrize("other", [np.zeros(3), np.float64(1)])
def test_outputs_that_are_no_rows_are_not_cut(other):
    with pytest.raises(ServingError, match="inconsistent batch sizes"):
        write_outputs({"a": np.zeros(2), "b": np.asarray(other)}, in_rows=True)


def test_nested_lists_become_tensors():
    specs = {"x": Spec(tf.float32, (None, 2)), "y": Spec(tf.bool, (None,))}
    document = {"instances": [{"x": [1, 2.5], "y": True}, {"x": [3, 4], "y": False}]}
    tensors, in_rows = read_inputs(document, specs, Limits())
    assert in_rows
    np.testing.assert_array_equal(tensors["x"], np.array([[1, 2.5], [3, 4]], np.float32))
    np.testing.assert_array_equal(tensors["y"], [True, False])


@pytest.mark.parametrize("value", [[[1, 2], [3]], [[1, 2], 3], [[1, 2], [3, [4]]]])
def test_ragged_lists_are_refused(value):
    with pytest.raises(ServingError, match="input x"):
        read_inputs({"inputs": {"x": value}}, {"x": Spec(tf.float32, None)}, Limits())


def test_of_a_value_nested_beyond_all_recursion_the_beginning_is_shown():
    value: object = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ServingError) as caught:
        read_inputs({"inputs": {"x": {"b64": value}}}, {"x": Spec(tf.string, ())}, Limits())
    assert caught.value.message.count("[") == 52 and "..." in caught.value.message
