"""Equal rows have equal results, wherever they stand; and the values are those of TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.models import layers

RNG = np.random.default_rng(0)
ROWS = (1, 3, 4, 8, 12, 20)
OURS = {
    "sigmoid": (layers.sigmoid, tf.sigmoid),
    "softmax": (layers.softmax, tf.nn.softmax),
    "log_softmax": (layers.log_softmax, tf.nn.log_softmax),
}


@pytest.mark.parametrize("width", [1, layers.LANES - 1, layers.LANES, layers.LANES + 1])
def test_the_function_sees_whole_registers_and_nothing_of_them_is_returned(width):
    seen = []

    def function(x):
        seen.append(x)
        return tf.exp(x)

    x = RNG.normal(size=(2, 3, width)).astype(np.float32)
    answer = layers.elementwise(function, tf.constant(x), fill=-1e9)
    np.testing.assert_allclose(answer, tf.exp(x), rtol=1e-6)
    (whole,) = seen
    assert whole.shape[-1] % layers.LANES == 0 and whole.shape[-1] - width < layers.LANES
    assert (whole[..., width:].numpy() == -1e9).all()


def test_rows_that_are_whole_registers_are_not_filled_up():
    """Filling up is a copy: a grid of 8 x 8 places needs none, whatever its channels."""
    seen = []
    layers.elementwise(lambda x: seen.append(x) or x, tf.ones([3, 8, 8, 5]))
    assert seen[0].shape == (3, 8, 8, 5)


@pytest.mark.debian13
@pytest.mark.processor
@pytest.mark.parametrize("width", [5, 64, 101])
@pytest.mark.parametrize("name", OURS)
def test_equal_rows_have_equal_results(name, width):
    function = tf.function(OURS[name][0], reduce_retracing=False)
    for rows in ROWS:
        for _ in range(30):
            x = np.repeat(RNG.normal(size=(1, width), scale=3).astype(np.float32), rows, axis=0)
            answer = function(tf.constant(x)).numpy()
            np.testing.assert_array_equal(answer, answer[:1].repeat(rows, axis=0), f"{rows} rows")


@pytest.mark.debian13
@pytest.mark.parametrize("name", OURS)
def test_values_and_gradients_are_those_of_tensorflow(name):
    x = tf.constant(RNG.normal(size=(3, 5, 7), scale=3).astype(np.float32))
    weights = RNG.normal(size=x.shape).astype(np.float32)
    answers = []
    for function in OURS[name]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
            total = tf.reduce_sum(value * weights)
        answers.append((value, tape.gradient(total, x)))
    for ours, theirs in zip(*answers, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_logits_out_of_the_range_of_exp_are_no_trouble():
    x = tf.constant([[-1e9, 0.0, 200.0], [-1e9, -1e9, -1e9]])
    np.testing.assert_allclose(layers.softmax(x), [[0, 0, 1], [1 / 3] * 3], atol=1e-6)
    np.testing.assert_allclose(layers.log_softmax(x)[0], [-1e9, -200, 0], rtol=1e-6)


def test_rows_are_filled_up_with_as_few_as_will_do():
    expected = {1: 1, 3: 3, 4: 4, 5: 12, 8: 12, 12: 12, 13: 16, 16: 16, 17: 24, 20: 24, 25: 28}
    assert {rows: layers.whole_rows(rows) for rows in expected} == expected
    padded = layers.pad_rows(tf.ones([2, 3]), 4)
    np.testing.assert_array_equal(padded, [[1] * 3] * 2 + [[0] * 3] * 2)


@pytest.mark.debian13
@pytest.mark.processor
@pytest.mark.parametrize("rows", ROWS)
def test_a_matrix_product_of_whole_rows_treats_them_alike(rows):
    for width, units in ((64, 112), (100, 33), (96, 1), (192, 384)):
        x = RNG.normal(size=(1, width)).astype(np.float32)
        weights = tf.constant(RNG.normal(size=(width, units)).astype(np.float32))
        repeated = layers.pad_rows(tf.constant(np.repeat(x, rows, axis=0)), layers.whole_rows(rows))
        answer = tf.function(tf.matmul)(repeated, weights)[:rows].numpy()
        np.testing.assert_array_equal(answer, answer[:1].repeat(rows, axis=0))
