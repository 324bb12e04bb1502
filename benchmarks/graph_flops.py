"""Floating-point operations of a compiled step, counted in its graph by the shapes of tensors.

Only matrix products and convolutions count, with their gradients: a multiplication and an addition
for each pair of numbers that meet. TensorFlow's own profiler looks neither into loops nor into
functions that a graph calls, and knows no einsum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf


class UnknownShape(Exception):
    """An operation cannot be counted; the message names it."""


def flops(graph: tf.Graph) -> int:
    """Floating-point operations of one run of `graph`.

    Raises:
      UnknownShape: a product's shape, or how often a loop is run, is not known beforehand.
    """
    return sum(_of_operation(operation) for operation in graph.get_operations())


def _of_operation(operation: tf.Operation) -> int:
    count = _PRODUCTS.get(operation.type)
    if count is not None:
        return 2 * count(operation)
    if operation.type in ("While", "StatelessWhile"):
        return _turns(operation) * _of_function(operation, "body")
    if operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
        return _of_function(operation, "f")
    if operation.type in ("If", "StatelessIf"):
        return max(_of_function(operation, f"{way}_branch") for way in ("then", "else"))
    return 0


def _of_function(operation: tf.Operation, attribute: str) -> int:
    """Operations in the function that an attribute of `operation` names."""
    name = operation.get_attr(attribute).name
    return flops(operation.graph._get_function(name).graph)


def _turns(loop: tf.Operation) -> int:
    """How often a loop is run: at most as often as its second input says, and Keras's loops over
    words are run that often."""
    most = loop.inputs[1]
    # Keras takes the maximum of one number, over no axis.
    most = tf.get_static_value(most.op.inputs[0] if most.op.type == "Max" else most)
    if most is None or most.size != 1 or most < 0:
        raise UnknownShape(f"nobody knows how often {loop.name} is run")
    return int(most)


def _size(operation: tf.Operation, tensor: tf.Tensor) -> int:
    size = tensor.shape.num_elements()
    if size is None:
        raise UnknownShape(f"{operation.name} ({operation.type}): shape {tensor.shape}")
    return size


def _product(transposed: str) -> Callable[[tf.Operation], int]:
    """Counts a product [n, k] x [k, m], or a batch of them, as n * k * m.

    Args:
      transposed: the attribute that says whether the left matrix is transposed.
    """

    def count(operation: tf.Operation) -> int:
        left, product = operation.inputs[0], operation.outputs[0]
        inner = left.shape[-2 if operation.get_attr(transposed) else -1]
        if inner is None:
            raise UnknownShape(f"{operation.name} ({operation.type}): shape {left.shape}")
        return _size(operation, product) * inner

    return count


def _convolution(filters: Callable[[Any], tf.Tensor], pixels: Callable[[Any], tf.Tensor]):
    """Counts each number of a kernel [h, w, in, out] once for each pixel of its output."""

    def count(operation: tf.Operation) -> int:
        kernel = _size(operation, filters(operation))
        image = pixels(operation)
        return kernel * _size(operation, image) // image.shape[-1]

    return count


def _einsum(operation: tf.Operation) -> int:
    """Counts every combination of indices; ellipses are not known."""
    lengths: dict[str, int | None] = {}
    terms = operation.get_attr("equation").decode().split("->")[0].split(",")
    for term, tensor in zip(terms, operation.inputs, strict=True):
        lengths |= dict(zip(term, tensor.shape, strict=True))
    if len(terms) == 1:
        return 0
    known = [length for length in lengths.values() if length is not None]
    if len(known) < len(lengths):
        raise UnknownShape(f"{operation.name}: {lengths}")
    return math.prod(known)


_BATCHED = _product("adj_x")
_PRODUCTS: dict[str, Callable[[tf.Operation], int]] = {
    "MatMul": _product("transpose_a"),
    "BatchMatMul": _BATCHED,
    "BatchMatMulV2": _BATCHED,
    "BatchMatMulV3": _BATCHED,
    "Einsum": _einsum,
    "Conv2D": _convolution(lambda x: x.inputs[1], lambda x: x.outputs[0]),
    "Conv2DBackpropInput": _convolution(lambda x: x.inputs[1], lambda x: x.inputs[2]),
    "Conv2DBackpropFilter": _convolution(lambda x: x.outputs[0], lambda x: x.inputs[2]),
}
