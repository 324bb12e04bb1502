"""Elementwise functions whose values do not depend on where in a tensor an element stands.

Processors compute several neighbours at once and what is left over one by one, and TensorFlow may
round the two otherwise in the last bit: 2.21 does for sigmoid and log_softmax, 2.16 does not.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# float32 numbers in the widest registers.
PACKET = 16


def in_packets(
    function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, fill: float = 0.0
) -> tf.Tensor:
    """Applies `function` to rows of whole packets.

    Args:
      function: from a tensor to one of its shape.
      x: float [..., n]; n is static.
      fill: what the rows are filled up with.

    Returns:
      `function` of x, [..., n].
    """
    width = x.shape[-1]
    missing = -width % PACKET
    if not missing:
        return function(x)
    ends = [[0, 0]] * (len(x.shape) - 1) + [[0, missing]]
    return function(tf.pad(x, ends, constant_values=fill))[..., :width]


def sigmoid(x: tf.Tensor) -> tf.Tensor:
    """The sigmoid of float [..., n], of any n."""
    return in_packets(tf.sigmoid, x)
