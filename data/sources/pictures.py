"""Opens the pictures of rows and checks that each is safe, complete and decodable by all readers.

The header is checked first, so nothing is decoded before its size is known.
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
    """A usable picture.

    Attributes:
      encoded: a PNG or JPEG that all decoders decode in the same way; it may have an Exif
        orientation.
      height, width: in pixels, upright. channels: 1 to 4, as decoded.
      format, mode: Pillow's names for the given file, such as JPEG and RGB.
      content_hash: of the upright pixels, see `data.picture_files.hash_pixels`.
      notes: short phrases on colour conversions.
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
    """Checks and, if necessary, re-encodes one picture.

    A valid PNG or JPEG in sRGB keeps its bytes, and its Exif orientation, which `data.images`
    reads. Chunks of a PNG that do not affect its pixels are removed. All other pictures are decoded
    and encoded again, upright and in sRGB: JPEG as JPEG with quality 95; WebP, AVIF, TIFF, BMP and
    still GIF as PNG.
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
    """A row and its checked picture.

    If the row contained the picture's bytes, `row.image` is now empty: they are in `picture`.

    Attributes:
      split: the row's split, or that of the picture's hash alone; `data.splits` decides the final
        one.
    """

    row: Row
    picture: Picture
    split: str

    @property
    def content_hash(self) -> str:
        """The hash of the picture's pixels, which is the same for copies."""
        return self.picture.content_hash

    def placed(self) -> Placed:
        """Returns the facts that decide the picture's split in its data set."""
        size = len(self.picture.encoded)
        return Placed.of(self.content_hash, self.row.split, self.row.span, size)

    def example(self) -> CaptionedImage:
        """Returns the captioned image."""
        # The schema imports TensorFlow, which takes seconds; checking pictures does not need it.
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
    """Opens and checks the picture of one row; a bad picture never raises.

    Args:
      row: from `Source.rows()`.
      limits: of one picture.
      shares: of train, val and test, for rows without a split.
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
    # `seen` has the picture; do not keep a second copy of its bytes in the row.
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
