"""Pictures as pixels and back, in the graph: the same operations prepare data, train and serve."""

from __future__ import annotations

import tensorflow as tf

_JPEG_MAGIC = b"\xff\xd8\xff"


def _mend_alpha(alpha: tf.Tensor) -> tf.Tensor:
    """Makes opaque what the decoder of TensorFlow wrongly calls almost clear.

    Where a file of 1, 2 or 4 bits has no alpha, decode_png puts in 1, 3 or 15 of 255.
    """
    highest = tf.reduce_max(alpha)
    made_up = tf.logical_and(tf.equal(tf.reduce_min(alpha), highest), highest <= 15.5 / 255.0)
    return tf.where(tf.logical_and(made_up, highest > 0.0), 1.0, alpha)


def _decode_over_white(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes any PNG to float32[H, W, 3] in [0, 255], transparent parts over white."""
    rgba = tf.cast(tf.io.decode_png(encoded, channels=4, dtype=tf.uint16), tf.float32)
    colour, alpha = rgba[..., :3] / 257.0, _mend_alpha(rgba[..., 3:] / 65535.0)
    return colour * alpha + 255.0 * (1.0 - alpha)


def _decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a PNG or JPEG of any colour type to float32[H, W, 3] in [0, 255]."""
    image = tf.cond(
        tf.equal(tf.strings.substr(encoded, 0, len(_JPEG_MAGIC)), _JPEG_MAGIC),
        lambda: tf.cast(
            tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"), tf.float32
        ),
        lambda: _decode_over_white(encoded),
    )
    return tf.ensure_shape(image, [None, None, 3])


def _centre_square(image: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(image)
    side = tf.minimum(shape[0], shape[1])
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def preprocess(encoded: tf.Tensor, resolution: int) -> tf.Tensor:
    """Decodes one picture, crops its centre square and resizes it with antialiasing.

    Args:
      encoded: scalar string, a PNG (grey, palette, alpha, 8 or 16 bit) or a JPEG.
      resolution: side of the result in pixels; a picture of that side keeps its very pixels.

    Returns:
      uint8[resolution, resolution, 3].

    Raises:
      tf.errors.InvalidArgumentError: when the bytes are neither.
    """
    image = tf.image.resize(
        _centre_square(_decode(encoded)), [resolution, resolution], "bicubic", antialias=True
    )
    return tf.saturate_cast(tf.round(tf.ensure_shape(image, [resolution, resolution, 3])), tf.uint8)


def preprocess_batch(encoded: tf.Tensor, resolution: int) -> tf.Tensor:
    """Applies `preprocess` to string[N]; returns uint8[N, resolution, resolution, 3]."""
    return tf.map_fn(
        lambda one: preprocess(one, resolution),
        encoded,
        fn_output_signature=tf.TensorSpec([resolution, resolution, 3], tf.uint8),
    )


def encode_png_batch(images: tf.Tensor) -> tf.Tensor:
    """Encodes uint8[N, H, W, C] losslessly; returns string[N]."""
    return tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.TensorSpec([], tf.string))


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Maps uint8 [0, 255] to float32 [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """Maps float [-1, 1] to uint8 [0, 255], rounding and clipping: the inverse of `to_float`."""
    return tf.saturate_cast(tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5), tf.uint8)
