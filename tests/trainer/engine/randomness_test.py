import numpy as np
import tensorflow as tf

from trainer.engine.randomness import categorical, fold, normal, part, step_seed, uniform

SEED = tf.constant([1, 2])


def test_seed_step_and_use_all_tell_draws_apart():
    seeds = [
        tuple(fold(step_seed(seed, tf.constant(step)), use).numpy())
        for seed in (0, 1)
        for step in (0, 1, 2)
        for use in (0, 1, 2)
    ]
    assert len(set(seeds)) == 18
    assert seeds[4] == tuple(fold(step_seed(0, tf.constant(1)), 1).numpy())


def test_a_whole_batch_draws_what_tensorflow_draws():
    np.testing.assert_array_equal(
        uniform(SEED, [4, 3], -1.0, 2.0), tf.random.stateless_uniform([4, 3], SEED, -1.0, 2.0)
    )
    np.testing.assert_array_equal(normal(SEED, [4, 3]), tf.random.stateless_normal([4, 3], SEED))


def test_a_part_of_a_batch_gets_its_own_rows():
    whole = uniform(SEED, [6, 2], 0, 100, tf.int32)
    for count in (2, 3):
        seen = []
        for index in range(count):
            with part(index, count):
                seen.append(uniform(SEED, tf.constant([6 // count, 2]), 0, 100, tf.int32))
        np.testing.assert_array_equal(tf.concat(seen, axis=0), whole)
    np.testing.assert_array_equal(uniform(SEED, [6, 2], 0, 100, tf.int32), whole)


def test_a_part_of_a_batch_draws_its_own_classes():
    logits = tf.random.stateless_normal([6, 50], [4, 5])
    whole = categorical(SEED, logits)
    plain = tf.random.stateless_categorical(logits, 1, SEED, dtype=tf.int32)[:, 0]
    np.testing.assert_array_equal(whole, plain)
    seen = []
    for index in range(3):
        with part(index, 3):
            seen.append(categorical(SEED, logits[2 * index : 2 * index + 2]))
    np.testing.assert_array_equal(tf.concat(seen, axis=0), whole)


def test_the_shape_of_a_part_is_known_when_traced():
    with part(1, 2):
        drawn = tf.function(lambda: normal(SEED, [3, 1, 2])).get_concrete_function()
    assert drawn.structured_outputs.shape == [3, 1, 2]
