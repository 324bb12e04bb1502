"""Opening the pictures of rows: is each safe, whole and of a kind that every reader here decodes?

The header decides first: nothing is decoded before its size is known to be bearable.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PIL import Image

from data.base import files
from data.picture_files import (
    PictureError,
    PictureFile,
    hash_pixels,
    open_picture,
    to_srgb,
    turned,
)
from data.sources import picture_names
from data.sources.rows import DEFAULT_LIMITS, Limits, Reject, Row
from data.splits import SHARES, Placed, assign

if TYPE_CHECKING:
    from data.schema import CaptionedImage


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


@dataclass(frozen=True)
class Loaded:
    """A row and its examined picture.

    Where the row held the picture's bytes, `row.image` is empty now: they are in `picture`.

    Attributes:
      split: what the row says, or what the picture's hash alone does; see `data.splits` for
        what becomes of it in its set.
    """

    row: Row
    picture: Picture
    split: str

    @property
    def content_hash(self) -> str:
        """The hash of the picture's pixels: copies of one picture share it."""
        return self.picture.content_hash

    def placed(self) -> Placed:
        """Returns what decides the picture's split in its set."""
        size = len(self.picture.encoded)
        return Placed.of(self.content_hash, self.row.split, self.row.span, size)

    def example(self) -> CaptionedImage:
        """Returns the captioned image."""
        # TensorFlow, which the schema needs, takes seconds to start; examining needs none of it.
        from data.schema import CaptionedImage

        return CaptionedImage(
            image_id=self.row.image_id,
            encoded=self.picture.encoded,
            height=self.picture.height,
            width=self.picture.width,
            channels=self.picture.channels,
            captions=self.row.captions,
            languages=self.row.languages,
            attributes=self.row.attributes,
            split=self.split,
        )


def load(
    row: Row, limits: Limits = DEFAULT_LIMITS, shares: Sequence[float] = SHARES
) -> CaptionedImage | Reject:
    """Opens and checks the picture of one row; a bad one never raises.

    Args:
      row: from `Source.rows()`.
      limits: of one picture.
      shares: of train, val and test, for rows that name no split.
    """
    loaded = load_row(row, limits, shares)
    return loaded if isinstance(loaded, Reject) else loaded.example()


def load_row(
    row: Row, limits: Limits = DEFAULT_LIMITS, shares: Sequence[float] = SHARES
) -> Loaded | Reject:
    """As `load`, with the content hash that `resolve_duplicates` groups by."""
    encoded = read_picture(row, limits)
    seen = encoded if isinstance(encoded, Fault) else examine(encoded, limits)
    if isinstance(seen, Fault):
        return Reject.of(row.where, row.image_id, seen.reason, seen.detail)
    # The picture goes on in `seen`; a second copy of its bytes would travel with the row.
    light = replace(row, image=b"") if isinstance(row.image, bytes) else row
    light = replace(light, mended=light.mended + seen.notes)
    return Loaded(light, seen, row.split or assign(seen.content_hash, shares))


def read_picture(row: Row, limits: Limits) -> bytes | Fault:
    """Returns the encoded picture of a row; reads nothing outside the row's folder."""
    if isinstance(row.image, bytes):
        return row.image if len(row.image) <= limits.max_file_bytes else _too_large(len(row.image))
    path = _path(row.folder, row.image)
    if isinstance(path, Fault):
        return path
    try:
        length = files.size(path)
        return files.read(path) if length <= limits.max_file_bytes else _too_large(length)
    except OSError as error:
        return Fault("unreadable_file", f"{path}: {error.strerror or error}")


def _path(folder: str, image: str) -> str | Fault:
    if not files.inside(folder, image):
        return Fault("outside_folder", picture_names.why_outside(folder, image))
    name = picture_names.find(folder, image)
    if name is None and picture_names.is_windows_path(image):
        return Fault("outside_folder", f"{image} is a path of Windows, and not of this system")
    if name is None:
        return Fault("missing_file", picture_names.why_missing(folder, image))
    if name != image and not files.inside(folder, name):
        return Fault("outside_folder", picture_names.why_outside(folder, name))
    return files.join(folder, name)


def _too_large(length: int) -> Fault:
    return Fault("too_large", f"the file has {length:,} bytes")
