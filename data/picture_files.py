"""Opens picture files with Pillow; the only module of the project that does.

It opens a short list of formats, up to a size limit and single pictures only: Pillow supports some
forty formats, and starts Ghostscript for one of them.
"""

from __future__ import annotations

import functools
import hashlib
import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

from data import picture_bytes
from data.picture_bytes import DamagedFileError, Png, UnknownFormError

# Pillow refuses larger pictures, regardless of settings.
MOST_PIXELS = 178_956_970
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF")
# Endings of the supported formats, and of photo formats that are rejected with a remedy.
PICTURE_ENDINGS = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jif", ".jfi", ".jfif", ".pjpeg", ".pjp"),
    *(".webp", ".avif", ".tif", ".tiff", ".bmp", ".dib", ".gif"),
)
REFUSED_ENDINGS = (".heic", ".heif")
CONVERTED = "colours converted to sRGB"
DAMAGED_PROFILE = "damaged colour profile ignored"
UNSUITED_PROFILE = "unsuitable colour profile ignored"

_MAGIC = (b"\x89PNG", b"\xff\xd8", b"II*", b"MM\x00*", b"BM", b"GIF8")
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
# Other files that have the name of a picture, by their first bytes.
_OTHERS = {
    b"\xff\x0a": "a JPEG XL file",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL file",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 file",
    b"8BPS": "a Photoshop file",
    b"%PDF": "a PDF file",
    b"%!PS": "a PostScript file",
    b"<svg": "an SVG drawing",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"version https://git-lfs": "a pointer of Git LFS; 'git lfs pull' fetches the file",
}
_DEEP_GREY = ("I", "I;16", "I;16B", "I;16L")
# Modes of PNG, and modes that convert to one of them without loss.
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
_CONVERSIONS = {"YCbCr": "RGB", "RGBX": "RGB", "RGBa": "RGBA", "La": "LA", "PA": "RGBA"}
_MODES = {
    "F": "floating-point numbers",
    "I": "32-bit numbers",
    "LAB": "the colours of CIE Lab",
    "HSV": "the colours of HSV",
}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Tolerance, in levels of 255, between ICC profiles of sRGB.
_SAME = 2


def is_picture_name(name: str) -> bool:
    """Whether a file's name has the ending of a picture."""
    return name.lower().endswith(PICTURE_ENDINGS)


class PictureError(ValueError):
    """A picture that cannot be used.

    Attributes:
      reason: a key of `data.sources.rows.REMEDIES`.
      detail: what was found.
    """

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[PictureError], tuple[str, str]]:
        return type(self), (self.reason, self.detail)


@dataclass(frozen=True)
class PictureFile:
    """A picture file whose header has been read, but no pixel.

    Attributes:
      encoded: the file; for a PNG, only the chunks that decide its pixels.
      image: as Pillow opened it; the format is JPEG also for a phone's multi-picture files.
      orientation: its Exif orientation, 1 to 8.
      profile: ICC profile, empty if there is none.
      png: the parsed chunks of a PNG, else None.
    """

    encoded: bytes
    image: Image.Image
    orientation: int
    profile: bytes
    png: Png | None

    @property
    def format(self) -> str:
        """Pillow's name of the format."""
        name = self.image.format or ""
        return "JPEG" if name == "MPO" else name

    def decode(self) -> Image.Image:
        """Decodes the picture without rotation and colour conversion.

        Returns:
          An image in a mode of PNG, or in CMYK.

        Raises:
          PictureError: it is damaged, or its values are not colours.
        """
        try:
            self.image.load()
        except Exception as error:  # For damaged bytes, Pillow raises almost any type.
            detail = f"{type(error).__name__}: {error}"
            raise PictureError("undecodable_image", detail) from None
        image = _with_right_transparency(self.image, self.png)
        if image.mode in ("I;16B", "I;16L"):
            return Image.fromarray(np.asarray(image).astype(np.uint16))
        if image.mode in _CONVERSIONS:
            return image.convert(_CONVERSIONS[image.mode])
        if image.mode not in (*_PNG_MODES, "CMYK"):
            mode = _MODES.get(image.mode, f"the colour mode {image.mode}")
            raise PictureError("unsupported_mode", f"a {self.format} of {mode}")
        return image

    def rgb(self) -> Image.Image:
        """Decodes to 8-bit RGB, upright and blended with white, like `data.images`."""
        return turned(over_white(self.decode()), self.orientation)

    def is_read_alike(self) -> bool:
        """Whether every decoder gives the same pixels as `decode`; reads all bytes.

        Raises:
          PictureError: it is truncated or damaged.
        """
        try:
            if self.format == "JPEG":
                return picture_bytes.is_plain_jpeg(self.encoded)
            if self.png is None:
                return False
            ends_there = picture_bytes.check_pixel_data(self.png)
        except (DamagedFileError, UnknownFormError) as error:
            raise _refused(error) from None
        if self.image.mode == "P" and max(self.image.tobytes()) >= self.png.entries:
            return False
        return ends_there and (self.png.depth < 16 or "transparency" not in self.image.info)


def open_picture(encoded: bytes, max_pixels: int = MOST_PIXELS) -> PictureFile:
    """Reads the header of a picture file.

    Args:
      encoded: the file's bytes.
      max_pixels: the largest width times height that may be decoded.

    Raises:
      PictureError: it is not a picture of `FORMATS`, or too large, animated or damaged.
    """
    if not encoded:
        raise PictureError("empty_file", "the file has no bytes")
    png = None
    try:
        if encoded.startswith(picture_bytes.PNG_MAGIC):
            png = picture_bytes.read_png(encoded)
            _check_size(png.width, png.height, max_pixels)
        if encoded.startswith(picture_bytes.JPEG_MAGIC):
            picture_bytes.check_scans(encoded)
        content = encoded if png is None else png.essential
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_size(*image.size, max_pixels)
        several = png is None and image.format != "MPO" and getattr(image, "is_animated", False)
        frames = png.frames if png else getattr(image, "n_frames", 2) if several else 1
    except PictureError:
        raise
    except (DamagedFileError, UnknownFormError) as error:
        raise _refused(error) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError("decompression_bomb", str(error)) from None
    except Image.UnidentifiedImageError:
        raise _unidentified(encoded) from None
    except Exception as error:  # As in `decode`.
        raise PictureError("undecodable_image", f"{type(error).__name__}: {error}") from None
    if frames > 1:
        raise PictureError("animated", f"a {image.format} of {frames} frames")
    return PictureFile(content, image, _orientation(encoded, image), _profile(image, png), png)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise PictureError("decompression_bomb", f"{width} x {height} pixels")


def _refused(error: DamagedFileError | UnknownFormError) -> PictureError:
    damaged = isinstance(error, DamagedFileError)
    return PictureError("undecodable_image" if damaged else "unknown_form", str(error))


def _unidentified(encoded: bytes) -> PictureError:
    boxes = encoded[4:64]
    if boxes.startswith(b"ftyp") and any(brand in boxes for brand in _HEIC):
        return PictureError("heic", "a HEIC file, as iPhones save photos")
    begins = encoded[:64].lstrip()
    for magic, what in _OTHERS.items():
        if begins.lower().startswith(magic.lower()):
            return PictureError("not_an_image", f"it is {what}")
    cut = encoded.startswith(_MAGIC) or (encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP")
    reason = "undecodable_image" if cut else "not_an_image"
    return PictureError(reason, f"no picture can be read; the file begins with {encoded[:8]!r}")


def _orientation(encoded: bytes, image: Image.Image) -> int:
    """The Exif orientation; 1 for a TIFF, which Pillow rotates itself."""
    if image.format in ("WEBP", "AVIF"):
        exif = image.info.get("exif") or b""
        return picture_bytes.exif_orientation(exif.removeprefix(picture_bytes.EXIF_HEAD))
    return picture_bytes.orientation(encoded)


def _profile(image: Image.Image, png: Png | None) -> bytes:
    return png.profile if png else image.info.get("icc_profile") or b""


def _with_right_transparency(image: Image.Image, png: Png | None) -> Image.Image:
    """Returns the image with the transparent colour of its PNG in the levels of its pixels.

    Pillow leaves it in the levels of the file: 0 to 3 and 0 to 15 for grey of 2 and 4 bits, or 16
    bits.
    """
    clear = image.info.get("transparency")
    if (
        png is None
        or clear is None
        or (png.colour, png.depth) not in (*((0, 2), (0, 4), (0, 16), (2, 16)),)
    ):
        return image
    if image.mode == "I;16":
        visible = np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)
        grey = _eight_bits(image)
        del grey.info["transparency"]
        grey.putalpha(Image.fromarray(visible))
        return grey
    image = image.copy()
    if png.colour == 2:
        image.info["transparency"] = tuple(level >> 8 for level in clear)
    else:
        image.info["transparency"] = clear * 255 // (2**png.depth - 1)
    return image


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Rotates an image upright by an Exif orientation; returns the same object for 1."""
    return image if orientation == 1 else image.transpose(_TURNS[orientation])


def over_white(image: Image.Image) -> Image.Image:
    """Returns `image` as 8-bit RGB, blended with white where it is transparent.

    Pillow's conversion of 16-bit grey clips at 255, which makes almost everything white.
    """
    if image.mode in _DEEP_GREY:
        image = _eight_bits(image)
    if not _has_alpha(image):
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def smooth(image: Image.Image) -> Image.Image:
    """Returns `image` in an 8-bit mode in which pixels can be averaged, not a palette.

    Returns the same object if it has such a mode: Pillow's conversion would make a copy.
    """
    if image.mode in _DEEP_GREY:
        return _eight_bits(image)
    mode = "RGBA" if _has_alpha(image) else {"1": "L", "P": "RGB"}.get(image.mode, image.mode)
    return image if mode == image.mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey, scaled to 0 to 255."""
    return image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")


def _has_alpha(image: Image.Image) -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def hash_pixels(image: Image.Image) -> str:
    """Returns a hash of the size and the pixels of a decoded picture, 32 hex digits.

    It hashes pixels rather than file bytes, so a PNG and a BMP of the same picture are equal.
    16-bit grey is hashed at full depth, everything else as RGB over white.
    """
    shown = image.convert("I") if image.mode in _DEEP_GREY else over_white(image)
    digest = hashlib.blake2b(f"{shown.mode} {shown.size}".encode(), digest_size=16)
    digest.update(shown.tobytes())
    return digest.hexdigest()


def content_hash(encoded: bytes) -> str:
    """Returns `hash_pixels` of an encoded picture, upright; raises PictureError."""
    file = open_picture(encoded)
    return hash_pixels(turned(file.decode(), file.orientation))


def to_srgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
    """Converts a decoded picture from its ICC profile to sRGB.

    Args:
      image: of any mode that `PictureFile.decode` returns.
      profile: empty for none.

    Returns:
      The picture, `image` itself if no conversion was needed; and a note on the conversion, "" for
      none.
    """
    if not profile:
        return image, ""
    is_grey = image.mode in ("1", "L", "LA", *_DEEP_GREY)
    conversion = _conversion(profile, "L" if is_grey else "CMYK" if image.mode == "CMYK" else "RGB")
    if is_grey and conversion == UNSUITED_PROFILE:
        conversion = _conversion(profile, "RGB")
    if isinstance(conversion, str):
        return image, conversion
    if image.mode in _DEEP_GREY:  # A conversion would keep only 8 of 16 bits.
        return image, UNSUITED_PROFILE
    converted = conversion.apply(image.convert(conversion.input_mode))
    converted.info.clear()
    if conversion.input_mode == "L":
        converted = converted.convert("L")
    if _has_alpha(image):
        converted.putalpha(image.convert("RGBA").getchannel("A"))
    return converted, CONVERTED


@functools.lru_cache(maxsize=8)
def _conversion(
    profile: bytes, mode: Literal["L", "RGB", "CMYK"]
) -> ImageCms.ImageCmsTransform | str:
    """Returns the conversion of images in a mode, or a note if there is none."""
    spaces = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != spaces[mode]:
            return UNSUITED_PROFILE
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.ImageCmsTransform(opened, srgb, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return DAMAGED_PROFILE
    return "" if mode != "CMYK" and _changes_nothing(transform) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a conversion leaves all colours of a grid of 17 levels unchanged, up to `_SAME`."""
    levels = np.linspace(0, 255, 17 if transform.input_mode == "RGB" else 256).round()
    grid = np.stack(np.meshgrid(*[levels] * (3 if len(levels) == 17 else 1)), -1)
    grid = grid.astype(np.uint8).reshape(len(levels), -1, grid.shape[-1])
    given = Image.fromarray(grid.squeeze(-1) if grid.shape[-1] == 1 else grid)
    difference = np.asarray(transform.apply(given)).astype(int) - np.asarray(given.convert("RGB"))
    return int(np.abs(difference).max()) <= _SAME
