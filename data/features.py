"""The prepared example's features: what TFX Transform and `prepare` both compute, in the graph."""

from __future__ import annotations

import tensorflow as tf

from data import images, schema, text

CAPTION_IDS = "caption/ids"
IMAGE = "image"


def feature_spec(max_captions: int, max_length: int) -> dict[str, object]:
    """Returns the parsing spec of one prepared example."""
    return {
        schema.IMAGE_ID: tf.io.FixedLenFeature([], tf.string),
        IMAGE: tf.io.FixedLenFeature([], tf.string),
        schema.CAPTION_TEXT: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
        schema.CAPTION_LANGUAGE: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
        CAPTION_IDS: tf.io.FixedLenFeature([max_captions * max_length], tf.int64),
        schema.ATTRIBUTE_NAME: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
    }


def encode_captions(
    captions: tf.RaggedTensor,
    tokens: tf.RaggedTensor,
    table: text.Lookup,
    max_captions: int,
    max_length: int,
) -> tf.Tensor:
    """Encodes the captions of N pictures.

    Args:
      captions: string[N, (captions)].
      tokens: string[M, (tokens)], `text.tokenise` of the flat captions.
      table: from token to id.
      max_captions: further captions of a picture are left out; fewer are filled up with PAD.
      max_length: ids of one caption, see `text.encode`.

    Returns:
      int64[N, max_captions * max_length].
    """
    ids = captions.with_flat_values(text.encode_tokens(tokens, table, max_length))
    padded = ids.to_tensor(text.PAD, shape=[None, max_captions, max_length])
    return tf.cast(tf.reshape(padded, [-1, max_captions * max_length]), tf.int64)


def shrink(encoded: tf.Tensor, resolution: int) -> tf.Tensor:
    """Turns encoded pictures string[N] of any size into PNGs string[N] at `resolution`."""
    return images.encode_png_batch(images.preprocess_batch(encoded, resolution))
