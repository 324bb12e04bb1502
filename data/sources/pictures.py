"""Looking at one encoded picture: is it safe, whole and of a kind that every reader here decodes?

The header decides first: nothing is decoded before its size is known to be bearable.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from data.picture_files import (
    PictureError,
    PictureFile,
    hash_pixels,
    open_picture,
    to_srgb,
    turned,
)
from data.sources.rows import Limits


@dataclass(frozen=True)
class Picture:
    """A picture that can be used.

    Attributes:
      encoded: bytes of a PNG or JPEG that all decoders read alike. Its Exif may say to turn it.
      height, width: in pixels, upright. channels: 1 to 4, as decoded.
      format, mode: Pillow's names of what was given, such as JPEG and RGB.
      content_hash: of the upright pixels, see `data.picture_files.hash_pixels`.
      notes: what was done to its colours, a few words each.
    """

    encoded: bytes
    height: int
    width: int
    channels: int
    format: str
    mode: str
    content_hash: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """Why a picture cannot be used: a key of `data.sources.rows.REMEDIES`, and what was found."""

    reason: str
    detail: str


def examine(encoded: bytes, limits: Limits) -> Picture | Fault:
    """Checks and, where need be, re-encodes one picture.

    A PNG or JPEG that keeps the rules of its format and has the colours of sRGB keeps its pixels'
    bytes, and its orientation of Exif, which `data.images` reads. A PNG loses all chunks that say
    nothing of its pixels. All others are written anew from what was decoded, upright and in sRGB:
    JPEG as JPEG of quality 95, WebP, AVIF, TIFF, BMP and still GIF as PNG.
    """
    try:
        file = open_picture(encoded, limits.max_pixels)
        width, height = file.image.size
        if max(width, height) > limits.max_aspect * min(width, height):
            return Fault("extreme_shape", f"{width} x {height} pixels")
        return _decoded(file)
    except PictureError as error:
        return Fault(error.reason, error.detail)


def _decoded(file: PictureFile) -> Picture | Fault:
    image = file.decode()
    read_alike = file.is_read_alike()
    shown, note = to_srgb(image, file.profile)
    if shown.mode == "CMYK":
        return Fault("cmyk", f"a {file.format} in the print colours CMYK")
    upright = turned(shown, file.orientation)
    kept = read_alike and shown is image
    return Picture(
        encoded=file.encoded if kept else _encode(upright, lossy=file.format == "JPEG"),
        height=upright.height,
        width=upright.width,
        channels=_channels(upright),
        format=file.format,
        mode=file.image.mode,
        content_hash=hash_pixels(upright),
        notes=(note,) if note else (),
    )


def _encode(image: Image.Image, lossy: bool) -> bytes:
    target = io.BytesIO()
    if lossy:
        image.save(target, "JPEG", quality=95, subsampling=0, icc_profile=None, comment=b"")
    else:
        image.save(target, "PNG", exif=b"", icc_profile=None)
    return target.getvalue()


def _channels(image: Image.Image) -> int:
    colours = 3 if image.mode == "P" else len(image.getbands())
    return colours + ("transparency" in image.info)
