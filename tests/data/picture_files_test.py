"""Pictures are opened in one place, with one list of formats, and read as the models read them."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin, features

from data.picture_files import (
    CONVERTED,
    DAMAGED_PROFILE,
    UNSUITED_PROFILE,
    PictureError,
    content_hash,
    open_picture,
    smooth,
    to_srgb,
)
from tests.data.picture_builders import (
    ADOBE_RGB,
    GREY_18,
    chunks,
    encode,
    exif,
    of_many_scans,
    png_of,
    print_profile,
    with_chunk,
    with_exif,
)

PROJECT = Path(__file__).resolve().parents[2]
COLOURS = np.stack(np.meshgrid(*[np.arange(0, 256, 51)] * 3), -1).reshape(12, 18, 3)
PICTURE = Image.fromarray(COLOURS.astype(np.uint8))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def adobe_to_srgb(pixels: np.ndarray) -> np.ndarray:
    """By the definitions of both spaces (Adobe RGB (1998), 4.3; IEC 61966-2-1)."""
    linear = (pixels / 255.0) ** (563 / 256)
    to_xyz = [
        [0.57667, 0.18556, 0.18823],
        [0.29734, 0.62736, 0.07529],
        [0.02703, 0.07069, 0.99134],
    ]
    from_xyz = [
        [3.2406, -1.5372, -0.4986],
        [-0.9689, 1.8758, 0.0415],
        [0.0557, -0.2040, 1.0570],
    ]
    linear = np.clip(linear @ (np.array(from_xyz) @ to_xyz).T, 0, 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return curve * 255


def test_wide_colours_become_srgb():
    converted, note = to_srgb(PICTURE, ADOBE_RGB)
    assert note == CONVERTED
    np.testing.assert_allclose(np.asarray(converted), adobe_to_srgb(COLOURS), atol=2)
    assert "icc_profile" not in converted.info


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1"])
def test_other_modes_are_converted_and_keep_their_transparency(mode):
    given = PICTURE.convert("RGBA")
    given.putalpha(Image.linear_gradient("L").resize(given.size))
    given = PICTURE.quantize(32) if mode == "P" else given.convert(mode)
    converted, note = to_srgb(given, ADOBE_RGB)
    assert note == CONVERTED
    shown = adobe_to_srgb(np.asarray(given.convert("RGB")))
    np.testing.assert_allclose(np.asarray(converted.convert("RGB")), shown, atol=2)
    if mode in ("RGBA", "LA"):
        assert converted.getchannel("A").tobytes() == given.getchannel("A").tobytes()


def test_print_colours_are_converted_by_their_profile():
    inks = [(0, 0, 0, 0), (0, 0, 0, 255), (255, 0, 0, 0), (255, 255, 255, 255)]
    given = Image.new("CMYK", (4, 1))
    given.putdata(inks)
    converted, note = to_srgb(given, print_profile())
    assert (converted.mode, note) == ("RGB", CONVERTED)
    # L* = 50.2 is 119 or 120 of sRGB.
    found = np.asarray(converted)[0]
    np.testing.assert_allclose(found, [[level] * 3 for level in (255, 0, 120, 0)], atol=2)


def test_grey_of_another_curve_stays_grey():
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    converted, note = to_srgb(ramp, GREY_18)
    linear = (np.arange(256) / 255.0) ** 1.8
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert (converted.mode, note) == ("L", CONVERTED)
    np.testing.assert_allclose(np.asarray(converted)[0], curve * 255, atol=2)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
def test_the_profile_of_srgb_changes_nothing(mode):
    given = PICTURE.convert(mode)
    assert to_srgb(given, SRGB.tobytes()) == (given, "")
    assert to_srgb(given, b"") == (given, "")


@pytest.mark.parametrize(
    ("held", "mode", "said"),
    [
        (b"damaged", "RGB", DAMAGED_PROFILE),
        (ADOBE_RGB[:200], "RGB", DAMAGED_PROFILE),
        (GREY_18, "RGB", UNSUITED_PROFILE),
        (ADOBE_RGB, "CMYK", UNSUITED_PROFILE),
        (GREY_18, "I;16", UNSUITED_PROFILE),
    ],
)
def test_a_profile_that_cannot_be_used_is_left_out_and_told(held, mode, said):
    given = PICTURE.convert("L").convert(mode) if mode == "I;16" else PICTURE.convert(mode)
    assert to_srgb(given, held) == (given, said)


def test_the_profile_of_a_png_is_read_however_large_it_is():
    padded = ADOBE_RGB + bytes(2_000_000)
    assert open_picture(encode(PICTURE, "PNG", icc_profile=padded)).profile == padded
    cut = [
        (kind, held[:-20] if kind == b"iCCP" else held)
        for kind, held in chunks(encode(PICTURE, "PNG", icc_profile=ADOBE_RGB))
    ]
    assert to_srgb(PICTURE, open_picture(png_of(cut)).profile) == (PICTURE, DAMAGED_PROFILE)


def test_large_texts_do_not_cost_the_picture():
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 3_000_000, zip=True)
    file = open_picture(encode(PICTURE, "PNG", pnginfo=text))
    assert file.decode().tobytes() == PICTURE.tobytes() and len(file.encoded) < 2000


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("value", [1, 3, 6])
def test_rgb_is_upright(kind, value):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow is built without AVIF")
    lying = Image.new("RGB", (64, 32), "blue")
    lying.paste("red", (0, 0, 32, 32))
    held = Image.Exif()
    held[0x0112] = value
    found = open_picture(encode(lying, kind, exif=held)).rgb()
    expected = {1: ((64, 32), (9, 16)), 3: ((64, 32), (55, 16)), 6: ((32, 64), (16, 9))}[value]
    assert found.size == expected[0]
    red, _, blue = found.getpixel(expected[1])
    assert red > 200 and blue < 50


@pytest.mark.parametrize(("depth", "scale"), [(2, 85), (4, 17)])
def test_the_clear_grey_of_few_bits_is_clear(depth, scale):
    ramp = Image.fromarray(np.arange(2**depth, dtype=np.uint8)[None] * scale)
    small = encode(ramp, "PNG")
    header = chunks(small)[0][1]
    assert header[8] == 8
    bits = "".join(f"{level:0{depth}b}" for level in range(2**depth))
    rows = b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    parts = [
        (b"IHDR", header[:8] + bytes([depth]) + header[9:]),
        (b"tRNS", b"\0\x02"),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    shown = np.asarray(open_picture(png_of(parts)).rgb())[0, :, 0]
    assert shown.tolist() == [255 if level == 2 else level * scale for level in range(2**depth)]


def test_the_clear_colour_of_16_bits_is_clear():
    deep = np.array([[0, 4660, 65535]], np.uint16)
    png = with_chunk(encode(Image.fromarray(deep), "PNG"), b"tRNS", (4660).to_bytes(2, "big"))
    file = open_picture(png)
    assert np.asarray(file.rgb())[0, :, 0].tolist() == [0, 255, 255]
    assert file.decode().mode == "LA" and not file.is_read_alike()


def test_a_palette_that_is_too_short_is_not_read_alike():
    parts = dict(chunks(encode(PICTURE.quantize(8), "PNG", bits=8)))
    assert open_picture(png_of(list(parts.items()))).is_read_alike()
    parts[b"PLTE"] = parts[b"PLTE"][:6]
    assert not open_picture(png_of(list(parts.items()))).is_read_alike()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK"])
def test_smooth_modes_average(mode):
    given = PICTURE.convert("L").convert(mode) if mode == "I;16" else PICTURE.convert(mode)
    assert smooth(given).mode in ("L", "RGB", "RGBA", "CMYK")
    # Pictures are large: no copy is made of what is smooth.
    again = smooth(given)
    assert smooth(again) is again


BRANDS = b"\0\0\0\x1cftyp%s\0\0\0\0%smiaf"


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (b"", "empty_file"),
        (BRANDS % (b"heic", b"mif1") + bytes(60), "heic"),
        (BRANDS % (b"mif1", b"heic") + bytes(60), "heic"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "not_an_image"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "undecodable_image"),
        (b"<!DOCTYPE html><html></html>", "not_an_image"),
        (encode(PICTURE, "PPM"), "not_an_image"),
        (encode(PICTURE, "ICNS"), "not_an_image"),
        (with_chunk(encode(PICTURE, "PNG"), b"CgBI", bytes(4)), "unknown_form"),
        (of_many_scans()["a kind that is not plain"][0], "unknown_form"),
        (encode(PICTURE, "GIF", save_all=True, append_images=[PICTURE.rotate(90)]), "animated"),
        (encode(PICTURE, "PNG", save_all=True, append_images=[PICTURE.rotate(90)]), "animated"),
        (encode(PICTURE, "TIFF", save_all=True, append_images=[PICTURE.rotate(90)]), "animated"),
    ],
)
def test_what_is_not_opened_says_why(encoded, reason):
    with pytest.raises(PictureError) as caught:
        open_picture(encoded)
    assert caught.value.reason == reason


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_numbers_that_are_no_colours_are_named(mode):
    given = PICTURE.convert("L").convert(mode) if mode in "FI" else PICTURE.convert(mode)
    with pytest.raises(PictureError) as caught:
        open_picture(encode(given, "TIFF")).decode()
    assert caught.value.reason == "unsupported_mode"


def test_big_endian_16_bit_tiff_keeps_its_depth():
    deep = np.arange(0, 65536, 257, dtype=">u2").reshape(16, 16)
    given = Image.frombytes("I;16B", (16, 16), deep.tobytes())
    found = open_picture(encode(given, "TIFF")).decode()
    assert found.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(found), deep)


def test_too_many_pixels_are_refused_before_any_is_unpacked():
    bomb = encode(Image.new("1", (4000, 4000)), "PNG")
    for encoded in (bomb, encode(Image.new("L", (4000, 4000)), "JPEG", quality=1)):
        with pytest.raises(PictureError) as caught:
            open_picture(encoded, max_pixels=15_999_999)
        assert caught.value.reason == "decompression_bomb"


def test_a_lying_copy_has_the_hash_of_the_upright_picture():
    lying = PICTURE.transpose(Image.Transpose.ROTATE_90)
    assert content_hash(with_exif(encode(lying, "PNG"), exif(6))) == content_hash(
        encode(PICTURE, "PNG")
    )


def test_pictures_are_opened_in_one_place():
    sources = [path for path in PROJECT.rglob("*.py") if _is_product(path)]
    assert len(sources) > 100
    opening = [path.name for path in sources if "Image.open" in path.read_text(encoding="utf-8")]
    assert opening == ["picture_files.py"]


def _is_product(path: Path) -> bool:
    room = path.relative_to(PROJECT).parts[0]
    return room in ("data", "trainer", "components", "pipeline", "benchmarks", "docs")


def test_only_the_listed_formats_are_asked(monkeypatch):
    asked = []

    def opened(file, formats=None):
        asked.append(formats)
        return Image.new("RGB", (1, 1))

    monkeypatch.setattr(Image, "open", opened)
    open_picture(b"x")
    assert asked == [("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF")]
