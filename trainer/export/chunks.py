"""Rows computed in chunks of one size, so that an answer does not depend on its batch.

A matrix product or a convolution of another number of rows may be summed up in another order, and
then differs in its last bits. Of a fixed number of rows, what is computed of one does not depend on
the others. That it does not depend on its place among them either is a property of that number and
of the kernels: `trainer.models.simd_padding` has the rest, and `make test-processors` tries them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def in_chunks(function: Callable[..., Any], rows: tuple, size: int, signature: Any) -> Any:
    """Applies `function` to `size` rows at a time, the last one repeated in the last chunk.

    Args:
      function: takes the tensors of `rows` with `size` rows each, returns a structure of tensors.
      rows: tensors [N, ...] whose other dimensions are static; N may be 0.
      size: rows of a chunk.
      signature: structure of `tf.TensorSpec` for one row of what `function` returns.

    Returns:
      That structure, of N rows.
    """
    count = tf.shape(rows[0])[0]
    chunks = (count + size - 1) // size
    # Copies cost a beam search no step more than the row itself does.
    places = tf.minimum(tf.range(chunks * size), count - 1)

    def cut(x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.gather(x, places), [chunks, size, *x.shape[1:]])

    def joined(x: tf.Tensor, one: tf.TensorSpec) -> tf.Tensor:
        return tf.reshape(x, [chunks * size, *one.shape])[:count]

    of_chunk = tf.nest.map_structure(
        lambda one: tf.TensorSpec([size, *one.shape], one.dtype), signature
    )
    found = tf.map_fn(
        lambda chunk: function(*chunk),
        tuple(cut(x) for x in rows),
        fn_output_signature=of_chunk,
    )
    return tf.nest.map_structure(joined, found, signature)
