"""Decodes, resizes and encodes pictures in the graph: the same operations in data preparation,
training and serving."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from data import picture_bytes
from data.picture_bytes import JPEG_MAGIC, PNG_MAGIC

# A large picture is converted and resized in strips of about this many pixels: as floats, the whole
# picture would take ten times the memory of the decoder's output.
_STRIP = 2**20
# Number of bytes of a JPEG that are searched for a marker at a time.
_PART = 2**16
# Signature, and length and name of the first chunk of a PNG; width and height of four bytes each,
# and the depth follow.
_PNG_HEADER = PNG_MAGIC + b"\0\0\0\rIHDR"


def _over_white(part: tf.Tensor, opaque: tf.Tensor) -> tf.Tensor:
    """Blends RGBA [..., 4] of 8 or 16 bits with white: float32 [..., 3] in [0, 255]."""
    # Scale to 16 bits in both cases: dividing by another number would round differently.
    rgba = tf.cast(part, tf.float32) * (65535.0 / part.dtype.max)
    alpha = tf.where(opaque, 1.0, rgba[..., 3:] / 65535.0)
    return rgba[..., :3] / 257.0 * alpha + 255.0 * (1.0 - alpha)


def _has_made_up_alpha(rgba: tf.Tensor) -> tf.Tensor:
    """Whether TensorFlow's decoder wrongly made the whole picture almost transparent.

    For a file of 1, 2 or 4 bits without alpha, decode_png sets alpha to 1, 3 or 15 of 255.
    """
    alpha = rgba[..., 3]
    highest = tf.reduce_max(alpha)
    share = tf.cast(highest, tf.float32) / float(rgba.dtype.max)
    return tf.equal(tf.reduce_min(alpha), highest) & (share <= 15.5 / 255.0) & (share > 0.0)


def _decoded(
    encoded: tf.Tensor,
    shown: Callable[[tf.Tensor, tf.Tensor, Callable[[tf.Tensor], tf.Tensor]], tf.Tensor],
) -> tf.Tensor:
    """Decodes a PNG or JPEG of any colour type.

    Args:
      encoded: scalar string.
      shown: computes the result from the pixels [H, W, C] before rotation, the Exif orientation,
        and a function that converts a part of the pixels to float32 [..., 3] in [0, 255].
    """
    turn = orientation(encoded)

    def jpeg() -> tf.Tensor:
        pixels = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
        return shown(pixels, turn, lambda part: tf.cast(part, tf.float32))

    def png(depth: tf.DType) -> tf.Tensor:
        rgba = tf.io.decode_png(encoded, channels=4, dtype=depth)
        opaque = _has_made_up_alpha(rgba)
        return shown(rgba, turn, lambda part: _over_white(part, opaque))

    has_header = _starts_with(encoded, _PNG_HEADER)
    shallow = has_header & (_part(encoded, len(_PNG_HEADER) + 8, 1) != b"\x10")
    return tf.cond(
        _starts_with(encoded, JPEG_MAGIC),
        jpeg,
        lambda: tf.cond(shallow, lambda: png(tf.uint8), lambda: png(tf.uint16)),
    )


def _square(
    image: tf.Tensor,
    turn: tf.Tensor,
    colours: Callable[[tf.Tensor], tf.Tensor],
    resolution: int,
) -> tf.Tensor:
    """Rotates [H, W, C] upright and resizes its centre square; returns float32 [R, R, 3].

    Resizes the columns of each strip first, then all rows. Resizing a whole picture has the same
    order, so the bits are the same.
    """
    sides = tf.shape(image)[:2]
    sides = tf.where(turn >= 5, sides[::-1], sides)
    side = tf.reduce_min(sides)
    begin = (sides - side) // 2

    def strip(start: tf.Tensor | int, width: tf.Tensor) -> tf.Tensor:
        return colours(
            _upright_part(image, turn, begin + tf.stack([0, start]), tf.stack([side, width]))
        )

    def step(start: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        width = tf.minimum(tf.maximum(_STRIP // side, 1), side - start)
        shorter = _resized(strip(start, width), resolution, width)
        return start + width, tf.concat([columns, shorter], 1)

    def all_columns() -> tf.Tensor:
        return tf.while_loop(
            lambda start, _: start < side,
            step,
            (tf.constant(0), tf.zeros([resolution, 0, 3])),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([resolution, None, 3])),
            parallel_iterations=1,
        )[1]

    # For a small picture, a loop of one step would take longer than everything else.
    columns = tf.cond(side <= _STRIP // side, lambda: strip(0, side), all_columns)
    return _resized(columns, resolution, resolution)


def _resized(image: tf.Tensor, height: int, width: tf.Tensor | int) -> tf.Tensor:
    resized = tf.image.resize(image, tf.stack([height, width]), "bicubic", antialias=True)
    return tf.ensure_shape(resized, [height, None, 3])


def _upright_part(
    image: tf.Tensor, turn: tf.Tensor, begin: tf.Tensor, size: tf.Tensor
) -> tf.Tensor:
    """Returns a part of [H, W, C], rotated upright by the Exif orientation `turn`.

    Args:
      image: before rotation.
      turn: 1 to 8.
      begin, size: int32 [2], rows and columns of the part in the upright picture.
    """
    across = turn >= 5
    sides = tf.shape(image)[:2]
    # Bit `turn` of each number says whether rows, and whether columns, are reversed.
    backwards = tf.stack([_bit(0b110011000, turn), _bit(0b011001100, turn)])
    begin = tf.where(backwards, tf.where(across, sides[::-1], sides) - begin - size, begin)
    begin, size = (tf.where(across, pair[::-1], pair) for pair in (begin, size))
    part = tf.slice(image, tf.concat([begin, [0]], 0), tf.concat([size, [-1]], 0))
    part = tf.cond(across, lambda: tf.transpose(part, [1, 0, 2]), lambda: part)
    return tf.cond(
        tf.reduce_any(backwards),
        lambda: tf.raw_ops.Reverse(tensor=part, dims=tf.concat([backwards, [False]], 0)),
        lambda: part,
    )


def _bit(bits: int, place: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, place), 1) > 0


def orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Returns the Exif orientation of a PNG or JPEG, like `data.picture_bytes.orientation`.

    Args:
      encoded: scalar string.

    Returns:
      int32 scalar, 1 to 8; 1 if there is no Exif or it is damaged.
    """
    block = tf.cond(
        _starts_with(encoded, JPEG_MAGIC),
        lambda: _jpeg_exif(encoded),
        lambda: tf.cond(
            _starts_with(encoded, PNG_MAGIC), lambda: _png_exif(encoded), lambda: tf.constant("")
        ),
    )
    return tf.cond(block == "", lambda: tf.constant(1), lambda: _exif_orientation(block))


def has_endless_scans(encoded: tf.Tensor) -> tf.Tensor:
    """Whether a JPEG would take minutes to decode, like `data.picture_bytes.check_scans`.

    Args:
      encoded: scalar string.

    Returns:
      bool scalar; false for other files.
    """
    values = tf.io.decode_raw(encoded, tf.uint8)
    first, second = picture_bytes.SCAN
    found = (values[:-1] == first) & (values[1:] == second)
    enough = tf.reduce_sum(tf.cast(found, tf.int32)) > picture_bytes.MOST_SCANS
    return tf.cond(
        _starts_with(encoded, JPEG_MAGIC) & enough,
        lambda: _goes_on_scanning(encoded),
        lambda: tf.constant(False),
    )


def _goes_on_scanning(encoded: tf.Tensor) -> tf.Tensor:
    bare = tf.constant([byte in picture_bytes.BARE for byte in range(256)])
    end = tf.cast(tf.strings.length(encoded), tf.int64)

    def step(
        at: tf.Tensor, steps: tf.Tensor, scans: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # In parts: the positions of all bytes of a file would take a lot of memory.
        values = tf.cast(tf.io.decode_raw(_part(encoded, at, _PART), tf.uint8), tf.int32)
        markers = tf.where((values[:-1] == 0xFF) & ~tf.gather(bare, values[1:]))[:, 0]
        # Without a marker, the result is the end of the part.
        last = tf.cast(tf.maximum(tf.size(values) - 1, 1), tf.int64)
        place = tf.concat([markers, last[None]], 0)[0]
        there, is_marker = at + place, tf.size(markers) > 0
        head = _bytes(_part(encoded, there, 4), 4)
        ends = is_marker & (head[1] == 0xD9)
        after = tf.where(ends, end, tf.where(is_marker, there + 2 + _number(head[2:]), there))
        is_scan = is_marker & (head[1] == picture_bytes.SCAN[1])
        return after, steps + tf.cast(is_marker, tf.int32), scans + tf.cast(is_scan, tf.int32)

    def goes_on(at: tf.Tensor, steps: tf.Tensor, scans: tf.Tensor) -> tf.Tensor:
        few = (steps < picture_bytes.SCAN_STEPS) & (scans <= picture_bytes.MOST_SCANS)
        return few & (at < end)

    start = (tf.constant(2, tf.int64), tf.constant(0), tf.constant(0))
    at, _, scans = tf.while_loop(goes_on, step, start, parallel_iterations=1)
    return (at < end) | (scans > picture_bytes.MOST_SCANS)


def _starts_with(encoded: tf.Tensor, magic: bytes) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(magic)) == magic


def _part(text: tf.Tensor, start: tf.Tensor | int, length: tf.Tensor | int) -> tf.Tensor:
    """The bytes from `start` on, fewer at the end of the text."""
    end = tf.cast(tf.strings.length(text), tf.int64)
    start = tf.minimum(tf.cast(start, tf.int64), end)
    return tf.strings.substr(text, start, tf.maximum(tf.cast(length, tf.int64), 0))


def _bytes(text: tf.Tensor, count: int) -> tf.Tensor:
    """The first `count` bytes, int64 [count]; zeros after the end of the text."""
    values = tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int64)[:count]
    return tf.ensure_shape(tf.pad(values, [[0, count - tf.size(values)]]), [count])


def _number(values: tf.Tensor, little: tf.Tensor | bool = False) -> tf.Tensor:
    """Converts bytes, int64 [..., bytes], to unsigned numbers, int64 [...]."""
    powers = tf.constant([256**place for place in range(values.shape[-1])], tf.int64)
    return tf.reduce_sum(values * tf.where(little, powers, powers[::-1]), -1)


def _search(
    encoded: tf.Tensor,
    start: int,
    step: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]],
) -> tf.Tensor:
    """Goes through the pieces of a file until one of them gives a result.

    Args:
      encoded: scalar string.
      start: position of the first piece.
      step: maps the position of a piece, int64, to whether to continue, the position of the next
        piece, and the result, empty for none.
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
    """Reads the first directory of an Exif block, 12 bytes an entry."""
    order = _part(block, 0, 4)
    little = order == picture_bytes.LITTLE_ENDIAN
    start = _number(_bytes(_part(block, 4, 4), 4), little)
    count = _number(_bytes(_part(block, start, 2), 2), little)
    text = _part(block, start + 2, 12 * count)
    whole = tf.cast(tf.strings.length(text), tf.int64) == 12 * count
    values = tf.cast(tf.io.decode_raw(tf.where(whole, text, ""), tf.uint8), tf.int64)
    # The appended entry of zeros is found if there is no orientation.
    entries = tf.concat([tf.reshape(values, [-1, 12]), tf.zeros([1, 12], tf.int64)], 0)
    tags = _number(entries[:, :2], little)
    entry = entries[tf.argmax(tf.cast(tags == picture_bytes.ORIENTATION, tf.int32))]
    tag, kind = _number(entry[:2], little), _number(entry[2:4], little)
    length, value = _number(entry[4:8], little), _number(entry[8:10], little)
    right = (tag == picture_bytes.ORIENTATION) & (kind == picture_bytes.SHORT) & (length == 1)
    right &= (value >= 1) & (value <= 8) & (little | (order == picture_bytes.BIG_ENDIAN))
    return tf.cast(tf.where(right, value, 1), tf.int32)


def preprocess(encoded: tf.Tensor, resolution: int) -> tf.Tensor:
    """Decodes one picture upright, crops its centre square and resizes it with antialiasing.

    Args:
      encoded: scalar string, a PNG (grey, palette, alpha, 8 or 16 bit) or a JPEG; it is rotated by
        its Exif orientation.
      resolution: side of the result in pixels; a picture of that size keeps its exact pixels.

    Returns:
      uint8[resolution, resolution, 3].

    Raises:
      tf.errors.InvalidArgumentError: the bytes are neither.
    """
    image = _decoded(encoded, functools.partial(_square, resolution=resolution))
    image = tf.ensure_shape(image, [resolution, resolution, 3])
    return tf.saturate_cast(tf.round(image), tf.uint8)


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
    """Maps float [-1, 1] to uint8 [0, 255] with rounding and clipping; inverse of `to_float`."""
    return tf.saturate_cast(tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5), tf.uint8)
