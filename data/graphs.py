"""Functions that are computed as graphs."""

from __future__ import annotations

import functools

import tensorflow as tf

# `tf.function` without AutoGraph. Control flow that depends on tensors is written in operations
# here, so there is nothing to rewrite, and looking for it takes a third of the time that a training
# step needs until it first runs. AutoGraph would also read the source files again while a training
# is under way, when they may have been edited.
graph = functools.partial(tf.function, autograph=False)
