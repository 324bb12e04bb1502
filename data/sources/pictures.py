"""Looking at one encoded picture: is it safe, whole and of a kind that every reader here decodes?

The header decides first: nothing is decoded before its size is known to be bearable.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageOps

from data.sources.rows import Limits
from data.splits import hash_pixels

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
# What TensorFlow decodes as it stands; MPO is a phone's JPEG with more pictures behind the first.
_KEPT_AS_IS = ("PNG", "JPEG", "MPO")
_MAGIC = (b"\x89PNG", b"\xff\xd8", b"RIFF", b"II*", b"MM\x00*", b"BM", b"GIF8")
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Picture:
    """A picture that can be used.

    Attributes:
      encoded: PNG or JPEG bytes, upright.
      height, width: in pixels. channels: 1 to 4, as decoded.
      format, mode: Pillow's names of what was given, such as JPEG and RGB.
      content_hash: of the pixels, see `data.splits.hash_pixels`.
    """

    encoded: bytes
    height: int
    width: int
    channels: int
    format: str
    mode: str
    content_hash: str


@dataclass(frozen=True)
class Fault:
    """Why a picture cannot be used: a key of `data.sources.rows.REMEDIES`, and what was found."""

    reason: str
    detail: str


def examine(encoded: bytes, limits: Limits) -> Picture | Fault:
    """Checks and, where need be, re-encodes one picture.

    PNG and JPEG stay as they are. WebP, TIFF, BMP and still GIF become PNG; a JPEG that its EXIF
    says to turn is turned and saved as JPEG at quality 95, for TensorFlow reads no EXIF.
    """
    if not encoded:
        return Fault("empty_file", "the file has no bytes")
    try:
        with Image.open(io.BytesIO(encoded), formats=_FORMATS) as image:
            return _header_fault(image, limits) or _decode(image, encoded)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return Fault("decompression_bomb", str(error))
    except Image.UnidentifiedImageError:
        reason = "undecodable_image" if encoded.startswith(_MAGIC) else "not_an_image"
        return Fault(reason, f"no picture can be read; the file begins with {encoded[:8]!r}")
    except Exception as error:  # On damaged bytes Pillow's readers raise almost any type.
        return Fault("undecodable_image", f"{type(error).__name__}: {error}")


def _header_fault(image: Image.Image, limits: Limits) -> Fault | None:
    width, height = image.size
    if width * height > limits.max_pixels:
        return Fault("decompression_bomb", f"{width} x {height} pixels")
    if max(width, height) > limits.max_aspect * min(width, height):
        return Fault("extreme_shape", f"{width} x {height} pixels")
    if image.format != "MPO" and getattr(image, "is_animated", False):
        return Fault("animated", f"a {image.format} of {getattr(image, 'n_frames', 2)} frames")
    if image.mode == "CMYK":
        return Fault("cmyk", f"a {image.format} in the print colours CMYK")
    return None


def _decode(image: Image.Image, encoded: bytes) -> Picture | Fault:
    name, mode = image.format or "", image.mode
    image.load()
    _check_end(name, encoded)
    upright = _upright(image)
    if name not in _KEPT_AS_IS or upright is not image:
        if mode not in _PNG_MODES:
            return Fault("undecodable_image", f"a {name} of the colour mode {mode}")
        encoded = _encode(upright, lossy=name in ("JPEG", "MPO"))
    return Picture(
        encoded=encoded,
        height=upright.height,
        width=upright.width,
        channels=_channels(upright),
        format="JPEG" if name == "MPO" else name,
        mode=mode,
        content_hash=hash_pixels(upright),
    )


def _check_end(name: str, encoded: bytes) -> None:
    """Raises where the last bytes are damaged or gone; Pillow forgives it, TensorFlow does not."""
    if name == "PNG":
        with Image.open(io.BytesIO(encoded), formats=("PNG",)) as image:
            image.verify()
        whole = _PNG_END in encoded
    else:
        whole = name not in _KEPT_AS_IS or encoded.rfind(_JPEG_END) > encoded.rfind(_JPEG_SCAN)
    if not whole:
        raise OSError("the file has no end")


def _upright(image: Image.Image) -> Image.Image:
    """Returns `image` itself unless its EXIF says to turn it; damaged EXIF says nothing."""
    try:
        if image.getexif().get(_ORIENTATION, 1) == 1:
            return image
        return ImageOps.exif_transpose(image)
    except Exception:  # As for the picture itself, the readers raise almost any type.
        return image


def _encode(image: Image.Image, lossy: bool) -> bytes:
    target = io.BytesIO()
    if lossy:
        image.save(target, "JPEG", quality=95, subsampling=0)
    else:
        image.save(target, "PNG", exif=b"")
    return target.getvalue()


def _channels(image: Image.Image) -> int:
    if image.mode == "P":
        return 4 if "transparency" in image.info else 3
    return len(image.getbands())
