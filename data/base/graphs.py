"""Functions that are computed as graphs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

# `tf.function` without AutoGraph. Control flow that depends on tensors is written in operations
# here, so there is nothing to rewrite, and looking for it takes a third of the time that a training
# step needs until it first runs. AutoGraph would also read the source files again while a training
# is under way, when they may have been edited.
graph = functools.partial(tf.function, autograph=False)


def graph_of_rows(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of arrays [N, ...] and scalars as a graph that is traced once, whatever N is.

    The last batch of a data set is shorter than the others: without this it is traced anew.
    """

    @functools.cache
    def traced(*rows: tf.TensorSpec) -> Callable[..., Any]:
        return graph(function, input_signature=rows)

    def call(*arrays: np.ndarray | tf.Tensor) -> Any:
        shapes = [[None, *x.shape[1:]] if x.ndim else [] for x in arrays]
        specs = [tf.TensorSpec(*one) for one in zip(shapes, (x.dtype for x in arrays), strict=True)]
        return traced(*specs)(*arrays)

    return call
