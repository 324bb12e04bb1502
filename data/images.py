"""Pictures as pixels and back, in the graph: the same operations prepare data, train and serve."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from data import picture_bytes
from data.picture_bytes import JPEG_MAGIC, PNG_MAGIC


def _mend_alpha(alpha: tf.Tensor) -> tf.Tensor:
    """Makes opaque what the decoder of TensorFlow wrongly calls almost clear.

    Where a file of 1, 2 or 4 bits has no alpha, decode_png puts in 1, 3 or 15 of 255.
    """
    highest = tf.reduce_max(alpha)
    made_up = tf.logical_and(tf.equal(tf.reduce_min(alpha), highest), highest <= 15.5 / 255.0)
    return tf.where(tf.logical_and(made_up, highest > 0.0), 1.0, alpha)


def _decode_over_white(encoded: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """Decodes any PNG to float32[H, W, 3] in [0, 255], transparent parts over white."""
    deep = _turned(tf.io.decode_png(encoded, channels=4, dtype=tf.uint16), turn)
    rgba = tf.cast(deep, tf.float32)
    colour, alpha = rgba[..., :3] / 257.0, _mend_alpha(rgba[..., 3:] / 65535.0)
    return colour * alpha + 255.0 * (1.0 - alpha)


def _decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a PNG or JPEG of any colour type to float32[H, W, 3] in [0, 255], upright."""
    turn = orientation(encoded)

    def jpeg() -> tf.Tensor:
        pixels = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
        return tf.cast(_turned(pixels, turn), tf.float32)

    image = tf.cond(
        _starts_with(encoded, JPEG_MAGIC), jpeg, lambda: _decode_over_white(encoded, turn)
    )
    return tf.ensure_shape(image, [None, None, 3])


def _turned(image: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """Returns [H, W, C] upright that lies as Exif's orientation `turn` says."""
    image = tf.cond(turn >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    # Bit `turn` of each number: whether rows, and whether columns, run the other way.
    backwards = [_bit(0b110011000, turn), _bit(0b011001100, turn)]
    return tf.cond(
        tf.reduce_any(backwards),
        lambda: tf.raw_ops.Reverse(tensor=image, dims=tf.stack([*backwards, False])),
        lambda: image,
    )


def _bit(bits: int, place: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, place), 1) > 0


def orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Returns how Exif says to turn a PNG or JPEG, as `data.picture_bytes.orientation` does.

    Args:
      encoded: scalar string.

    Returns:
      int32 scalar, 1 to 8; 1 where Exif says nothing or is damaged.
    """
    block = tf.cond(
        _starts_with(encoded, JPEG_MAGIC),
        lambda: _jpeg_exif(encoded),
        lambda: tf.cond(
            _starts_with(encoded, PNG_MAGIC), lambda: _png_exif(encoded), lambda: tf.constant("")
        ),
    )
    return tf.cond(block == "", lambda: tf.constant(1), lambda: _exif_orientation(block))


def _starts_with(encoded: tf.Tensor, magic: bytes) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(magic)) == magic


def _part(text: tf.Tensor, start: tf.Tensor | int, length: tf.Tensor | int) -> tf.Tensor:
    """The bytes from `start` on, fewer where the text ends before."""
    end = tf.cast(tf.strings.length(text), tf.int64)
    start = tf.minimum(tf.cast(start, tf.int64), end)
    return tf.strings.substr(text, start, tf.maximum(tf.cast(length, tf.int64), 0))


def _bytes(text: tf.Tensor, count: int) -> tf.Tensor:
    """int64 [count], zeros where the text ends before."""
    values = tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int64)[:count]
    return tf.ensure_shape(tf.pad(values, [[0, count - tf.size(values)]]), [count])


def _number(values: tf.Tensor, little: tf.Tensor | bool = False) -> tf.Tensor:
    """int64 [..., bytes] -> int64 [...], the unsigned number."""
    powers = tf.constant([256**place for place in range(values.shape[-1])], tf.int64)
    return tf.reduce_sum(values * tf.where(little, powers, powers[::-1]), -1)


def _search(
    encoded: tf.Tensor,
    start: int,
    step: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]],
) -> tf.Tensor:
    """Goes through the pieces of a file until one is found.

    Args:
      encoded: scalar string.
      start: of the first piece.
      step: int64 start of a piece -> whether to go on, start of the next piece, and what was found,
        empty for nothing.
    """
    return tf.while_loop(
        lambda going, at, found: going,
        lambda going, at, found: step(at),
        (tf.constant(True), tf.constant(start, tf.int64), tf.constant("")),
        maximum_iterations=picture_bytes.EXIF_STEPS,
        parallel_iterations=1,
    )[2]


def _jpeg_exif(encoded: tf.Tensor) -> tf.Tensor:
    def step(at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        head = _part(encoded, at, 10)
        values = _bytes(head, 4)
        marker, length = values[1], _number(values[2:])
        is_marker = values[0] == 0xFF
        fill = is_marker & (marker == 0xFF)
        ends = (marker < 0xC0) | ((marker >= 0xD0) & (marker <= 0xDA)) | (length < 2)
        segment = is_marker & ~fill & ~ends
        is_exif = segment & (marker == 0xE1)
        is_exif &= _part(head, 4, 6) == picture_bytes.EXIF_HEAD
        found = _part(encoded, at + 10, tf.where(is_exif, length - 8, 0))
        going = (fill | segment) & ~is_exif
        return going, at + tf.where(fill, tf.constant(1, tf.int64), 2 + length), found

    return _search(encoded, 2, step)


def _png_exif(encoded: tf.Tensor) -> tf.Tensor:
    def step(at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        head = _part(encoded, at, 8)
        length, kind = _number(_bytes(head, 4)), _part(head, 4, 4)
        going = (tf.strings.length(head) == 8) & (kind != b"IDAT") & (kind != b"IEND")
        found = _part(encoded, at + 8, tf.where(kind == b"eXIf", length, 0))
        return going & (kind != b"eXIf"), at + 12 + length, found

    return _search(encoded, 8, step)


def _exif_orientation(block: tf.Tensor) -> tf.Tensor:
    """Reads the first directory of an Exif block: 12 bytes an entry."""
    order = _part(block, 0, 4)
    little = order == picture_bytes.LITTLE_ENDIAN
    start = _number(_bytes(_part(block, 4, 4), 4), little)
    count = _number(_bytes(_part(block, start, 2), 2), little)
    text = _part(block, start + 2, 12 * count)
    whole = tf.cast(tf.strings.length(text), tf.int64) == 12 * count
    values = tf.cast(tf.io.decode_raw(tf.where(whole, text, ""), tf.uint8), tf.int64)
    # The last entry, of zeros, is found where there is none.
    entries = tf.concat([tf.reshape(values, [-1, 12]), tf.zeros([1, 12], tf.int64)], 0)
    tags = _number(entries[:, :2], little)
    entry = entries[tf.argmax(tf.cast(tags == picture_bytes.ORIENTATION, tf.int32))]
    tag, kind = _number(entry[:2], little), _number(entry[2:4], little)
    length, value = _number(entry[4:8], little), _number(entry[8:10], little)
    right = (tag == picture_bytes.ORIENTATION) & (kind == picture_bytes.SHORT) & (length == 1)
    right &= (value >= 1) & (value <= 8) & (little | (order == picture_bytes.BIG_ENDIAN))
    return tf.cast(tf.where(right, value, 1), tf.int32)


def _centre_square(image: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(image)
    side = tf.minimum(shape[0], shape[1])
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def preprocess(encoded: tf.Tensor, resolution: int) -> tf.Tensor:
    """Decodes one picture upright, crops its centre square and resizes it with antialiasing.

    Args:
      encoded: scalar string, a PNG (grey, palette, alpha, 8 or 16 bit) or a JPEG; its Exif counts.
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
