"""Photos as people have them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.demo_ui import photos
from tests.data.picture_builders import ADOBE_RGB


def saved(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(photo):
    return Image.open(io.BytesIO(photo.png))


def test_a_small_square_picture_keeps_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    photo = photos.read(saved(Image.fromarray(pixels)))
    np.testing.assert_array_equal(np.asarray(opened(photo)), pixels)
    assert photo.note == ""


def test_the_centre_square_is_cut_out_and_told():
    wide = Image.new("RGB", (60, 20), "red")
    wide.paste("blue", (20, 0, 40, 20))
    photo = photos.read(saved(wide))
    assert opened(photo).size == (20, 20)
    assert opened(photo).getcolors() == [(400, (0, 0, 255))]
    assert "centre square" in photo.note


def test_thirty_megapixels_are_reduced_and_told():
    photo = photos.read(saved(Image.new("RGB", (6000, 5000), "green"), "JPEG"))
    assert opened(photo).size == (photos.SIDE, photos.SIDE)
    assert "6000 × 5000 pixels was reduced" in photo.note


def test_a_phone_photo_is_turned_upright():
    lying = Image.new("RGB", (40, 20), "red")
    lying.paste("blue", (20, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    top = opened(photos.read(saved(lying, exif=exif))).getpixel((10, 2))
    bottom = opened(photos.read(saved(lying, exif=exif))).getpixel((10, 17))
    assert (top, bottom) == ((255, 0, 0), (0, 0, 255))


def test_transparent_parts_become_white():
    photo = photos.read(saved(Image.new("RGBA", (8, 8), (0, 0, 0, 0))))
    assert opened(photo).getcolors() == [(64, (255, 255, 255))]


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP"])
def test_other_kinds_are_read_too(kind):
    assert opened(photos.read(saved(Image.new("RGB", (16, 16), "red"), kind))).size == (16, 16)


def test_what_cannot_be_read_is_told(monkeypatch):
    whole = saved(Image.fromarray(np.random.default_rng(0).integers(0, 9, (64, 64), np.uint8)))
    wrong = {b"": "empty", b"hello": "no picture that can be read", whole[:300]: "damaged"}
    for content, said in wrong.items():
        with pytest.raises(photos.PhotoError, match=said):
            photos.read(content)
    monkeypatch.setattr(photos, "MAX_PIXELS", 4000)
    with pytest.raises(photos.PhotoError, match="megapixels"):
        photos.read(whole)
    monkeypatch.setattr(photos, "MAX_BYTES", 10)
    with pytest.raises(photos.PhotoError, match="larger than"):
        photos.read(whole)


def test_photos_are_read_as_ingestion_reads_them():
    red = Image.new("RGB", (16, 16), (255, 0, 0))
    refused = {
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n": "no picture that can be read",
        saved(red, "ICNS"): "no picture that can be read",
        saved(red, "GIF", save_all=True, append_images=[red.rotate(9)]): "2 frames",
        b"\0\0\0\x18ftypheic\0\0\0\0": "HEIC",
        saved(Image.new("1", (9000, 9000)), "PNG"): "megapixels",
        saved(red)[:-2]: "damaged",
        saved(red, "JPEG")[:-2]: "damaged",
    }
    for content, said in refused.items():
        with pytest.raises(photos.PhotoError, match=said):
            photos.read(content)


def test_wide_colours_become_srgb():
    photo = photos.read(saved(Image.new("RGB", (16, 16), (0, 200, 0)), icc_profile=ADOBE_RGB))
    red, green, _ = opened(photo).getpixel((8, 8))
    assert red == 0 and green > 200 and "sRGB" in photo.note


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_mode_is_reduced(mode):
    given = Image.linear_gradient("L").resize((1024, 1024))
    deep = np.asarray(given).astype(np.uint16) * 257
    given = Image.fromarray(deep) if mode == "I;16" else given.convert(mode)
    found = opened(photos.read(saved(given, "JPEG" if mode == "CMYK" else "PNG")))
    shown = np.asarray(found, int)[:, :, 1].mean(1)
    assert found.size == (photos.SIDE, photos.SIDE)
    if mode == "1":
        assert 60 < shown[128:384].mean() < 190
    else:
        np.testing.assert_allclose(shown[8:-8], np.linspace(0, 255, 512)[8:-8], atol=6)
