"""What clients send, checked row by row: captions, picture files, tf.Examples, numbers."""

from __future__ import annotations

import tensorflow as tf

from data.images import preprocess
from data.picture_bytes import JPEG_MAGIC, PNG_MAGIC
from trainer.export.errors import attempt, first_of, where
from trainer.export_settings import ExportSettings

# Length and name of a PNG's first chunk.
_PNG_HEADER = b"\x00\x00\x00\rIHDR"
_DAMAGED = "the picture cannot be decoded: the file is damaged or cut short"


def read_texts(text: tf.Tensor, limits: ExportSettings) -> tuple[tf.Tensor, tf.Tensor]:
    """string [N] captions -> the same, empty where there is an error, and string [N] errors."""
    longest = limits.caption_bytes
    errors = where(
        tf.strings.length(text) > longest,
        f"the caption is longer than {longest} bytes of UTF-8; shorten it",
    )
    return tf.where(errors == "", text, ""), errors


def read_pictures(
    encoded: tf.Tensor, resolution: int, limits: ExportSettings
) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads picture files; one that cannot be read does not keep the others from it.

    Args:
      encoded: string [N] PNG or JPEG files; their Exif says how to turn them.
      resolution: side of the result R, in pixels.
      limits: `picture_bytes` and `picture_pixels`; what exceeds them is not decoded.

    Returns:
      uint8 [N, R, R, 3], black where there is an error, and string [N] errors.
    """
    largest, most = limits.picture_bytes, limits.picture_pixels
    jpeg, png = _starts_with(encoded, JPEG_MAGIC), _starts_with(encoded, PNG_MAGIC)
    # Decoders pass over other chunks before it, and `_pixels` would read them as the header.
    headless = png & ~_starts_with(encoded, PNG_MAGIC + _PNG_HEADER)
    before = first_of(
        where(encoded == "", "there is no picture: the field is empty"),
        where(
            tf.strings.length(encoded) > largest,
            f"the picture file is larger than {largest} bytes; scale it down",
        ),
        where(~(jpeg | png), "the picture is neither a PNG nor a JPEG file"),
        where(headless, _DAMAGED),
    )

    def read(one: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = _pixels(one)
        picture = tf.cond(
            pixels > most,
            lambda: tf.zeros([resolution, resolution, 3], tf.uint8),
            lambda: preprocess(one, resolution),
        )
        return picture, pixels

    signature = (
        tf.TensorSpec([resolution, resolution, 3], tf.uint8),
        tf.TensorSpec([], tf.int64),
    )
    # What is empty is no picture either, and fails at once.
    well, (pictures, pixels) = attempt(read, tf.where(before == "", encoded, ""), signature)
    after = first_of(
        where(~well, _DAMAGED),
        where(pixels > most, f"the picture has more than {most} pixels; scale it down"),
    )
    return pictures, first_of(before, after)


def read_examples(examples: tf.Tensor, key: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads the feature `key` of serialized tf.Examples.

    Of a feature with several values, such as captions, the first is taken; without any, "".

    Returns:
      string [N] values, and string [N] errors.
    """

    def read(one: tf.Tensor) -> tf.Tensor:
        parsed = tf.io.parse_single_example(one, {key: tf.io.VarLenFeature(tf.string)})[key]
        return tf.concat([parsed.values, [""]], axis=0)[0]

    well, values = attempt(read, examples, tf.TensorSpec([], tf.string))
    message = f"this is no serialized tf.Example with strings as {key}"
    return values, where(~well, message)


def check_range(name: str, values: tf.Tensor, highest: float) -> tuple[tf.Tensor, tf.Tensor]:
    """float32 [N] -> the same, 0 where they are not from 0 to `highest`, and string [N] errors."""
    right = (values >= 0.0) & (values <= highest)
    message = f"{name} must be a number from 0 to {highest:g}"
    return tf.where(right, values, 0.0), where(~right, message)


def require_same_length(**columns: tf.Tensor) -> list[tf.Tensor]:
    """Fails the request, in the graph, whose inputs do not all have the same number of rows.

    Returns:
      The columns, for whatever is computed after the check.
    """
    (first, expected), *others = columns.items()
    checks = [
        tf.debugging.assert_equal(
            tf.shape(expected),
            tf.shape(column),
            f"{first} and {name} must have the same number of rows",
        )
        for name, column in others
    ]
    with tf.control_dependencies([check for check in checks if check is not None]):
        return [tf.identity(column) for column in columns.values()]


def _starts_with(encoded: tf.Tensor, magic: bytes) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(magic)) == magic


def _pixels(encoded: tf.Tensor) -> tf.Tensor:
    """int64 width times height, from the header of a PNG or JPEG file."""

    def of_jpeg() -> tf.Tensor:
        shape = tf.cast(tf.image.extract_jpeg_shape(encoded), tf.int64)
        return shape[0] * shape[1]

    def of_png() -> tf.Tensor:
        # Behind the signature and the first chunk's length and name: width, then height.
        header = tf.io.decode_raw(tf.strings.substr(encoded, 16, 8), tf.int32, little_endian=False)
        # A side of 2^31 and more is none that PNG has; as a negative number it would pass.
        sides = tf.cast(tf.bitcast(header, tf.uint32), tf.int64)
        return sides[0] * sides[1]

    return tf.cond(_starts_with(encoded, JPEG_MAGIC), of_jpeg, of_png)
