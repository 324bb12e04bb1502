"""Photos as people have them, made into the square picture that models and page show."""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 100_000_000
SIDE = 512


class PhotoError(Exception):
    """A file that cannot be shown; the message is for the person who chose it."""


class Photo(NamedTuple):
    """A square picture.

    Attributes:
      png: the file's bytes, at most `SIDE` pixels wide.
      note: what was done to the photo, "" for nothing worth telling.
    """

    png: bytes
    note: str


def read(content: bytes) -> Photo:
    """Turns upright, puts over white, cuts out the centre square and reduces it.

    Raises:
      PhotoError: it is no picture, is damaged or is too large.
    """
    if not content:
        raise PhotoError("The file is empty. Choose a PNG, JPEG, WebP or GIF picture.")
    if len(content) > MAX_BYTES:
        raise PhotoError(f"The file is larger than {MAX_BYTES // 2**20} MB. Choose a smaller one.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                return _square(image)
    except UnidentifiedImageError:
        raise PhotoError(
            "This file is no picture that can be read. Choose a PNG, JPEG, WebP or GIF picture."
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise PhotoError("The picture is damaged and cannot be read. Choose another one.") from None


def _square(image: Image.Image) -> Photo:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"The picture has {width * height / 1e6:.0f} megapixels; at most "
            f"{MAX_PIXELS // 1_000_000} can be read. Choose a smaller one."
        )
    # A JPEG is decoded at a fraction of its size where that is enough.
    image.draft("RGB", (2 * SIDE, 2 * SIDE))
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    flat = Image.alpha_composite(white, upright).convert("RGB")
    side = min(SIDE, *image.size)
    fitted = ImageOps.fit(flat, (side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    fitted.save(buffer, "PNG")
    return Photo(buffer.getvalue(), _note(width, height, side))


def _note(width: int, height: int, side: int) -> str:
    if min(width, height) > side:
        return (
            f"The photo of {width} × {height} pixels was reduced: the models see its centre square."
        )
    return "" if width == height else "The models see the centre square of the picture."
