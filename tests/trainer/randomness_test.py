import tensorflow as tf

from trainer.randomness import fold, step_seed


def test_seed_step_and_use_all_tell_draws_apart():
    seeds = [
        tuple(fold(step_seed(seed, tf.constant(step)), use).numpy())
        for seed in (0, 1)
        for step in (0, 1, 2)
        for use in (0, 1, 2)
    ]
    assert len(set(seeds)) == 18
    assert seeds[4] == tuple(fold(step_seed(0, tf.constant(1)), 1).numpy())
