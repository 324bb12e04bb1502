"""Photos as people have them, made into the square picture that models and page show."""

from __future__ import annotations

import threading
from typing import NamedTuple

from PIL import Image

from data.picture_files import (
    PictureError,
    PictureFile,
    open_picture,
    over_white,
    smooth,
    to_srgb,
    turned,
)
from data.sources.rows import DEFAULT_LIMITS, REMEDIES
from trainer.evaluation.inputs import png

MAX_BYTES = 32 * 2**20
MAX_PIXELS = DEFAULT_LIMITS.max_pixels
SIDE = 512
# A large photo takes some hundred megabytes while it is read: several at once wait for each other.
_ONE_AT_A_TIME = threading.Lock()


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
    """Cuts out the centre square, reduces it, converts it to sRGB, and turns it upright over white.

    Raises:
      PhotoError: it is no picture, is damaged or is too large.
    """
    if not content:
        raise PhotoError("The file is empty. Choose a PNG, JPEG, WebP or GIF picture.")
    if len(content) > MAX_BYTES:
        raise PhotoError(f"The file is larger than {MAX_BYTES // 2**20} MB. Choose a smaller one.")
    try:
        with _ONE_AT_A_TIME:
            return _square(open_picture(content, MAX_PIXELS))
    except PictureError as error:
        raise PhotoError(_in_words(error)) from None


def _in_words(error: PictureError) -> str:
    if error.reason == "not_an_image":
        return "This file is no picture that can be read. Choose a PNG, JPEG, WebP or GIF picture."
    if error.reason == "undecodable_image":
        return "The picture is damaged and cannot be read. Choose another one."
    if error.reason == "decompression_bomb":
        most = f"at most {MAX_PIXELS / 1e6:g} megapixels can be read"
        return f"The picture is too large ({error.detail}); {most}. Choose a smaller one."
    remedy = "Choose a still picture." if error.reason == "animated" else REMEDIES[error.reason]
    return f"This is {error.detail}. {remedy}"


def _square(file: PictureFile) -> Photo:
    width, height = file.image.size
    # A JPEG is decoded at a fraction of its size where that is enough.
    file.image.draft("RGB", (2 * SIDE, 2 * SIDE))
    image = file.decode()
    file.is_read_alike()
    shorter, side = min(image.size), min(SIDE, width, height)
    left, top = ((length - shorter) // 2 for length in image.size)
    whole = image.width == image.height
    # A decoder may hold twelve bytes a pixel beside the picture: no copy that is not needed.
    square = smooth(image if whole else image.crop((left, top, left + shorter, top + shorter)))
    small, note = to_srgb(square.resize((side, side), Image.Resampling.LANCZOS), file.profile)
    said = f"{note[:1].upper()}{note[1:]}." if note else ""
    notes = filter(None, [_size_note(width, height, side), said])
    return Photo(png(turned(over_white(small), file.orientation)), " ".join(notes))


def _size_note(width: int, height: int, side: int) -> str:
    if min(width, height) > side:
        return (
            f"The photo of {width} × {height} pixels was reduced: the models see its centre square."
        )
    return "" if width == height else "The models see the centre square of the picture."
