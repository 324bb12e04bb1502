"""Decoding and shrinking of pictures outside the models, with Pillow."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from data.picture_files import open_picture

THUMBNAIL = 16


def decode(encoded: bytes) -> np.ndarray:
    """PNG or JPEG file -> uint8 [h, w, 3], transparency over white."""
    return np.asarray(_open(encoded))


def thumbnail(encoded: bytes) -> np.ndarray:
    """uint8 [16 * 16 * 3] of the central square: what copies of a picture have in common."""
    image = _open(encoded, least=4 * THUMBNAIL)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    small = square.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small).reshape(-1)


def thumbnails(pictures: Sequence[bytes]) -> np.ndarray:
    """uint8 [N, 16 * 16 * 3], the `thumbnail` of each."""
    return np.stack([thumbnail(encoded) for encoded in pictures])


def from_thumbnail(values: np.ndarray, side: int) -> bytes:
    """Float or uint8 [16 * 16 * 3] -> a PNG file of `side` pixels."""
    rounded = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    image = Image.fromarray(rounded.reshape(THUMBNAIL, THUMBNAIL, 3))
    return png(image.resize((side, side), Image.Resampling.BILINEAR))


def small_png(encoded: bytes, longest: int = 256) -> bytes:
    """The picture as a PNG file of at most `longest` pixels a side."""
    image = _open(encoded)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return png(image)


def png(image: Image.Image) -> bytes:
    """The picture as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _open(encoded: bytes, least: int | None = None) -> Image.Image:
    """Opens as upright RGB; with `least`, a JPEG is decoded at a cheaper scale not below it."""
    file = open_picture(encoded)
    if least is not None:
        file.image.draft("RGB", (least, least))
    return file.rgb()
