"""Stateless seeds: what a step draws depends on the run's seed, the step and the use alone."""

from __future__ import annotations

import tensorflow as tf


def step_seed(seed: int, step: tf.Tensor) -> tf.Tensor:
    """int32 [2] seed of one step."""
    return tf.stack([tf.constant(seed, tf.int32), tf.cast(step, tf.int32)])


def fold(seed: tf.Tensor, salt: int) -> tf.Tensor:
    """Another seed int32 [2], one for each use within a step."""
    return tf.random.experimental.stateless_fold_in(seed, salt)
