"""Errors of single rows: a server merges requests of several clients, and one must not fail all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

ERROR = "error"


def first_of(*errors: tf.Tensor) -> tf.Tensor:
    """string [N]: of each row its first message that is not empty."""
    found, *others = errors
    for other in others:
        found = tf.where(found == "", other, found)
    return found


def where(wrong: tf.Tensor, message: str | tf.Tensor) -> tf.Tensor:
    """string [N]: `message` where bool [N] `wrong`, else empty."""
    return tf.where(wrong, message, "")


def with_errors(answer: dict[str, tf.Tensor], errors: tf.Tensor) -> dict[str, tf.Tensor]:
    """Adds the output `error`, and blanks all others of the rows that have one.

    Args:
      answer: outputs [N, ...] by name, those of `with_errors` too.
      errors: string [N], empty for rows that are well; they go before those of `answer`.

    Returns:
      The outputs, with empty strings and zeros in rows with an error.
    """
    answer = dict(answer)
    if ERROR in answer:
        errors = first_of(errors, answer.pop(ERROR))
    well = errors == ""

    def blanked(x: tf.Tensor) -> tf.Tensor:
        mask = well
        for _ in x.shape[1:]:
            mask = mask[..., None]
        return tf.where(mask, x, tf.zeros_like(x))

    return {name: blanked(x) for name, x in answer.items()} | {ERROR: errors}


def attempt(
    function: Callable[[tf.Tensor], Any], rows: tf.Tensor, signature: Any
) -> tuple[tf.Tensor, Any]:
    """Applies `function` to one row after the other; none of them can fail the others.

    A graph cannot catch an error, but a pipeline of tf.data can leave out an element that has one.

    Args:
      function: scalar string -> structure of tensors; may raise for any row.
      rows: string [N].
      signature: structure of `tf.TensorSpec` of what it returns, fully defined.

    Returns:
      bool [N], whether it was well; and the structure with N rows, zeros and "" where it was not.
    """
    count = tf.shape(rows)[0]
    nothing = tf.nest.map_structure(lambda one: tf.zeros(one.shape, one.dtype), signature)
    numbered = tf.autograph.experimental.do_not_convert(lambda place, row: (place, function(row)))
    tried = tf.data.Dataset.from_tensor_slices((tf.range(count), rows))
    tried = tried.map(numbered).ignore_errors()
    # The one that is there in any case, for all that failed.
    found = tf.data.Dataset.from_tensors((count, nothing)).concatenate(tried)
    found = found.batch(tf.cast(count, tf.int64) + 1).with_options(_plain())
    places, values = found.get_single_element()
    entries = tf.range(tf.size(places))
    entry = tf.scatter_nd(places[:, None], entries, [count + 1])[:count]
    return entry > 0, tf.nest.map_structure(lambda x: tf.gather(x, entry), values)


def _plain() -> tf.data.Options:
    """A pipeline that runs for one request is not worth being optimised."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options
