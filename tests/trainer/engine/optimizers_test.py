"""From a loss to changed weights: clipping, parts of a batch, loss scales."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.engine import optimizers, randomness

SEED = tf.constant([3, 5])


def variables(*values):
    return [keras.Variable(np.float32(value)) for value in values]


def test_weight_decay_makes_it_adamw():
    plain = optimizers.build(variables(1.0), 1e-3, 1.0, "float32", betas=(0.5, 0.99))
    assert isinstance(plain, keras.optimizers.Adam) and plain.built
    assert not isinstance(plain, keras.optimizers.AdamW)
    assert (plain.beta_1, plain.beta_2) == (0.5, 0.99)
    decayed = optimizers.build(variables(1.0), 1e-3, 1.0, "float32", weight_decay=0.0)
    assert isinstance(decayed, keras.optimizers.AdamW) and decayed.weight_decay == 0.0


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_norm_that_is_cut_is_of_all_gradients_unscaled(policy):
    weights = variables(0.0, 0.0)
    optimizer = optimizers.build(weights, 1.0, 1.0, policy)
    with tf.GradientTape() as tape:
        loss = 30.0 * weights[0] + 40.0 * weights[1]
    (found,) = optimizers.gradients(tape, loss, (optimizer, weights))
    optimizers.apply(optimizer, 0.25, found, weights)
    adam = getattr(optimizer, "inner_optimizer", optimizer)
    moments = {v.path.rpartition("/")[2]: float(v) for v in adam.variables}
    seen = [value / 0.1 for name, value in moments.items() if name.endswith("momentum")]
    np.testing.assert_allclose(seen, [0.6, 0.8], rtol=1e-5)
    np.testing.assert_allclose(weights, [-0.25, -0.25], rtol=1e-4)


def test_an_overflow_leaves_the_weights_and_halves_the_scale():
    weights = variables(1.0)
    optimizer = optimizers.build(weights, 1.0, 1.0, "mixed_float16")
    scale = next(v for v in optimizer.variables if "dynamic_scale" in v.path)
    before = float(scale)
    optimizers.apply(optimizer, 1.0, [tf.constant(np.inf)], weights)
    assert float(weights[0]) == 1.0 and float(scale) == before / 2


def test_two_optimisers_of_one_loss_may_have_scales_of_their_own():
    weights = variables(0.0), variables(0.0)
    pair = [optimizers.build(own, 1.0, 100.0, "mixed_float16") for own in weights]
    optimizers.apply(pair[1], 0.0, [tf.constant(np.inf)], weights[1])
    with tf.GradientTape() as tape:
        loss = 2.0 * weights[0][0] + 3.0 * weights[1][0]
    found = optimizers.gradients(tape, loss, *zip(pair, weights, strict=True))
    assert float(found[0][0]) / float(pair[0].dynamic_scale) == pytest.approx(2.0)
    assert float(found[1][0]) / float(pair[1].dynamic_scale) == pytest.approx(3.0)
    assert float(pair[0].dynamic_scale) == 2 * float(pair[1].dynamic_scale)


def test_parts_of_a_batch_give_the_whole_batch_s_gradients():
    table, unused = keras.Variable(np.eye(4, dtype=np.float32)), keras.Variable(1.0)
    rows = tf.constant([0, 1, 1, 3, 2, 1])

    def compute(rows, batch):
        with tf.GradientTape() as tape:
            noise = randomness.normal(SEED, tf.shape(batch["x"]))
            picked = tf.gather(table.value, rows)
            loss = tf.reduce_mean(tf.reduce_sum((picked * batch["x"] + noise) ** 2, axis=1))
        return tape.gradient(loss, [table.value, unused.value]), {"loss": loss}

    batch = {"x": tf.constant(np.random.default_rng(0).normal(size=(6, 4)), tf.float32)}
    whole, parts = (
        tf.function(lambda n=n: optimizers.accumulated(n, compute, (rows, batch)))() for n in (1, 3)
    )
    np.testing.assert_allclose(parts[0][0], tf.convert_to_tensor(whole[0][0]), rtol=1e-5)
    assert parts[0][1] is None
    np.testing.assert_allclose(parts[1]["loss"], whole[1]["loss"], rtol=1e-5)


def test_one_part_waits_for_the_one_before():
    def sines(batch):
        return optimizers.accumulated(3, lambda x: ([tf.sin(x)], {}), (batch,))

    graph = tf.function(sines).get_concrete_function(tf.ones([6])).graph
    inputs = [op.inputs[0].op for op in graph.get_operations() if op.type == "Sin"]
    assert [len(one.control_inputs) > 0 for one in inputs] == [False, True, True]


def test_a_share_of_an_update_is_followed():
    weights = [keras.Variable(tf.ones([2])) for _ in range(3)]
    optimizer = optimizers.build(weights, 0.5, 10.0, "float32")
    found = [tf.ones([2])] * 3
    optimizers.apply(optimizer, 0.5, found, weights, [1.0, 0.1, 0.0])
    assert [float(one.value[0]) for one in weights] == pytest.approx([0.5, 0.95, 1.0], abs=1e-5)


@pytest.mark.parametrize("shape", [(64, 64), (300, 40), (40, 300)])
def test_a_matrix_is_made_nearly_orthogonal(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = optimizers.orthogonalised(tf.constant(matrix)).numpy()
    # The same as the iteration over whole matrices, which Keras has.
    plain = keras.optimizers.Muon().zeropower_via_newtonschulz5(tf.constant(matrix), 5)
    np.testing.assert_allclose(found, plain, atol=2e-5)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    kept = np.diag(left.T @ found @ right.T)
    # Ill-conditioned directions of the square matrix need more than five iterations.
    wide = values > 0.05 * values[0]
    assert kept[wide].min() > 0.6 and kept[wide].max() < 1.25


def test_muon_moves_matrices_as_far_as_adam_would_and_trains_the_rest_by_adam():
    draw = np.random.default_rng(1).normal
    kernel = keras.Variable(draw(size=(3, 3, 16, 32)).astype(np.float32), name="kernel")
    narrow = keras.Variable(draw(size=(64, 3)).astype(np.float32), name="kernel")
    table = keras.Variable(draw(size=(64, 32)).astype(np.float32), name="embeddings")
    bias = keras.Variable(np.zeros(32, np.float32), name="bias")
    large = keras.Variable(draw(size=(300, 400)).astype(np.float32), name="kernel")
    weights = [kernel, narrow, table, bias, large]
    optimizer = optimizers.build(weights, 1.0, 1e9, "float32", kind="muon")
    assert isinstance(optimizer, keras.optimizers.Muon)
    before = [np.array(one) for one in weights]
    # None near 0, where Adam's epsilon counts.
    drawn = [draw(size=one.shape) for one in weights]
    found = [tf.constant(one + np.sign(one), tf.float32) for one in drawn]
    optimizers.apply(optimizer, 0.01, found, weights)
    moved = [np.array(one) - old for one, old in zip(weights, before, strict=True)]
    # Liu et al. 2025, equation 4: a root mean square of 0.2 of the rate.
    assert np.sqrt(np.mean(moved[0] ** 2)) == pytest.approx(0.002, rel=0.2)
    values = np.linalg.svd(moved[0].reshape(-1, 32), compute_uv=False)
    assert values.max() / values.min() < 2
    # Adam's first step has the gradient's sign and the rate's size, whatever the gradient's.
    for change, gradient in zip(moved[1:], found[1:], strict=True):
        np.testing.assert_allclose(change, -0.01 * np.sign(gradient), atol=1e-5)
