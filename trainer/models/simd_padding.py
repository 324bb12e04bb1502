"""Operations whose result for a row does not depend on its place among the rows.

A processor computes several neighbouring numbers with one instruction (SIMD). The numbers left over
at the end of a tensor are computed one by one, or by another kernel, and the last bits may differ.
This concerns `exp`, `log`, `rsqrt`, `sigmoid`, `pow` and the reciprocal. Sums, products, quotients
and square roots of single numbers are correctly rounded either way, and sums over a row are summed
in one order. The functions here fill tensors up so that nothing is left over.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# float32 numbers in the widest registers (AVX-512); those of AVX2 hold half as many.
LANES = 16
# oneDNN's matrix product for AVX2 computes blocks of six rows. A rest of one to three rows goes
# through a kernel that sums in another order, a rest of four does not. Multiples of four also leave
# whole registers to the elementwise functions, whatever even width a layer has.
BLOCK, REST = 12, 4


def elementwise(
    function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, fill: float = 0.0
) -> tf.Tensor:
    """Applies `function` to x, filled up so that each row is a multiple of `LANES` numbers.

    The last axis is filled up, and only where the row as a whole leaves numbers over.

    Args:
      function: computes each element from that element alone. Filling up does not help functions
        that reduce, such as `tf.nn.softmax`: they compute one number per row, and the rows are
        what is left over then.
      x: float [..., n]; n is static. A row is what lies behind the first axis.
      fill: value of the added elements.

    Returns:
      `function` of x, [..., n].
    """
    width = x.shape[-1]
    row = x.shape[1:].num_elements() or width
    if row % LANES == 0 or width % LANES == 0:
        return function(x)
    missing = -width % LANES
    ends = [[0, 0]] * (len(x.shape) - 1) + [[0, missing]]
    return function(tf.pad(x, ends, constant_values=fill))[..., :width]


def sigmoid(x: tf.Tensor) -> tf.Tensor:
    """Sigmoid of float [..., n], of any static n."""
    return elementwise(tf.sigmoid, x)


def softmax(x: tf.Tensor) -> tf.Tensor:
    """Softmax over the last axis.

    TensorFlow's own kernel multiplies by the reciprocals of the rows' sums, and computes these
    reciprocals for several rows at once. A quotient is correctly rounded in any row.

    Args:
      x: float [..., n]; n is static.

    Returns:
      Probabilities [..., n].
    """
    weights = elementwise(tf.exp, _shifted(x))
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)


def log_softmax(x: tf.Tensor) -> tf.Tensor:
    """Logarithm of the softmax over the last axis.

    TensorFlow's own kernel computes the logarithms of the sums of several rows at once.

    Args:
      x: float [..., n]; n is static.

    Returns:
      Log probabilities [..., n].
    """
    shifted = _shifted(x)
    total = tf.reduce_sum(elementwise(tf.exp, shifted), axis=-1, keepdims=True)
    return shifted - elementwise(tf.math.log, total, fill=1.0)


def _shifted(x: tf.Tensor) -> tf.Tensor:
    """x minus its row's maximum, so that `exp` cannot overflow; the result does not depend on what
    is subtracted, and so there is no gradient to follow."""
    return x - tf.stop_gradient(tf.reduce_max(x, axis=-1, keepdims=True))


def whole_rows(rows: int) -> int:
    """The least number of rows, `rows` or more, that a matrix product treats alike."""
    if rows <= REST:
        return rows
    return rows + min(-rows % BLOCK, (REST - rows) % BLOCK)


def pad_rows(x: tf.Tensor, rows: int) -> tf.Tensor:
    """Fills [n, ...] up to [rows, ...] with zeros; n is static."""
    missing = rows - x.shape[0]
    if not missing:
        return x
    return tf.pad(x, [[0, missing]] + [[0, 0]] * (len(x.shape) - 1))
