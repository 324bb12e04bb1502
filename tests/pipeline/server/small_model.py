"""A SavedModel that is made in a moment: lengths of texts, doubled numbers, and work that lasts."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

# Rows of `slow` that no machine finishes while a test waits.
ENDLESS = 1000


class _Module(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def length(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"length": tf.strings.length(text), "text_bytes": text}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="x"),
            tf.TensorSpec([None], tf.int64, name="factor"),
        ]
    )
    def scale(self, x: tf.Tensor, factor: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scaled": x * tf.cast(factor, tf.float32)[:, None]}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def same(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"same": x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def slow(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        def step(place: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            square = tf.random.stateless_normal([200, 200], [1, place])
            return place + 1, total + tf.reduce_sum(square @ square)

        def more(place: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
            return place < 1000 * tf.size(x)

        return {"y": x + 0 * tf.while_loop(more, step, (0, 0.0))[1]}


def save(directory: Path) -> Path:
    """Writes the model, and returns `directory`."""
    module = _Module()
    signatures = {name: getattr(module, name) for name in ("scale", "same", "slow")}
    signatures["serving_default"] = module.length
    tf.saved_model.save(module, str(directory), signatures=signatures)
    return directory
