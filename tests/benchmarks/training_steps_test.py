"""The benchmark of training steps: what it counts, how it times, what it compares."""

import sys

import pytest
import tensorflow as tf

from benchmarks.graph_flops import UnknownShape, flops
from benchmarks.paired import compare
from benchmarks.training_steps import CHANGES, ways
from benchmarks.workers import Worker, WorkerError

WORKER = """
from benchmarks.workers import serve

def prepare():
    print("what a library prints is no answer")
    return {"images": 32}, lambda: print("nor this")

serve(prepare)
"""


def counted(function, *shapes):
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    return flops(tf.function(function).get_concrete_function(*specs).graph)


def test_a_product_counts_twice_its_three_sides_and_its_gradients_as_much_each():
    def learn(x, w):
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = tf.reduce_sum(tf.matmul(x, w))
        return tape.gradient(y, [x, w])

    assert counted(tf.matmul, [3, 5], [5, 7]) == 2 * 3 * 5 * 7
    assert counted(learn, [3, 5], [5, 7]) == 3 * 2 * 3 * 5 * 7


def test_a_matrix_for_a_whole_batch_counts_for_each_of_it():
    assert counted(tf.matmul, [4, 3, 5], [5, 7]) == 4 * 2 * 3 * 5 * 7
    assert counted(lambda x, w: tf.matmul(x, w, transpose_a=True), [4, 5, 3], [4, 5, 7]) == 840
    assert counted(lambda x, w: tf.einsum("nij,njk->nik", x, w), [4, 3, 5], [4, 5, 7]) == 840


def test_a_convolution_counts_its_kernel_at_each_place_of_its_output():
    def convolve(x, w):
        return tf.nn.conv2d(x, w, 2, "SAME")

    def learn(x, w):
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = tf.reduce_sum(convolve(x, w))
        return tape.gradient(y, [x, w])

    shapes, once = ([2, 8, 8, 3], [4, 4, 3, 5]), 2 * (2 * 4 * 4) * (4 * 4 * 3 * 5)
    assert counted(convolve, *shapes) == once
    assert counted(learn, *shapes) == 3 * once


def test_a_loop_counts_as_often_as_it_is_run():
    def six_times(x, most):
        return tf.while_loop(
            lambda x: True, lambda x: (tf.matmul(x, x),), (x,), maximum_iterations=most
        )

    assert counted(lambda x: six_times(x, 6), [3, 3]) == 6 * 2 * 27
    with pytest.raises(UnknownShape, match="how often"):
        counted(lambda x: six_times(x, tf.cast(x[0, 0], tf.int32)), [3, 3])


def test_a_product_of_unknown_size_is_not_counted_as_nothing():
    with pytest.raises(UnknownShape, match="MatMul"):
        counted(tf.matmul, [None, 5], [5, 7])


def test_a_worker_answers_each_cycle_with_its_seconds():
    with Worker([sys.executable, "-c", WORKER], {}) as worker:
        assert worker.facts == {"images": 32}
        assert 0 < worker.cycle() < 1
        assert 0 < worker.cycle() < 1


def test_a_worker_that_ends_says_why():
    command = [sys.executable, "-c", "raise SystemExit('there is no such step')"]
    with pytest.raises(WorkerError, match="there is no such step"):
        Worker(command, {})


def test_workers_have_the_environment_of_their_way():
    script = WORKER.replace('{"images": 32}', '{"kernels": __import__("os").environ["KERNELS"]}')
    with Worker([sys.executable, "-c", script], {"KERNELS": "0"}) as worker:
        assert worker.facts == {"kernels": "0"}


def test_what_times_itself_is_compared_by_its_own_seconds(capsys):
    order = []

    def way(name, seconds):
        return lambda: order.append(name) or seconds

    found = compare("a / b", way("a", 3.0), way("b", 2.0), rounds=4, clock=lambda cycle: cycle())
    assert found[:2] == (3.0, 2.0) and found.ratio.value == pytest.approx(1.5)
    assert "".join(order) == "abab" + "abba" * 2
    assert "a / b: 3000.0 ms / 2000.0 ms = 1.50 (1.50 to 1.50), 4 pairs" in capsys.readouterr().out


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "torch"])
def test_the_ways_of_a_change_differ_in_one_thing(change):
    one, other = ways(change, "encoder")
    differs = [
        part
        for part in ("settings", "environment", "keras_adam")
        if getattr(one, part) != getattr(other, part)
    ]
    assert len(differs) == 1
