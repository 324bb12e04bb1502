"""Functions compiled to TensorFlow graphs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

# `tf.function` without AutoGraph. Control flow on tensors is written with operations here, so there
# is nothing to convert, and AutoGraph takes a third of the time until a training step first runs.
# AutoGraph would also read the source files again during a training, when they may have been
# edited.
graph = functools.partial(tf.function, autograph=False)


def graph_of_rows(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function of arrays [N, ...] and scalars to a graph that is traced once for all N.

    Otherwise the last batch of a data set, which is shorter, would be traced again.
    """

    @functools.cache
    def traced(*rows: tf.TensorSpec) -> Callable[..., Any]:
        return graph(function, input_signature=rows)

    def call(*arrays: np.ndarray | tf.Tensor) -> Any:
        shapes = [[None, *x.shape[1:]] if x.ndim else [] for x in arrays]
        specs = [tf.TensorSpec(*one) for one in zip(shapes, (x.dtype for x in arrays), strict=True)]
        return traced(*specs)(*arrays)

    return call
