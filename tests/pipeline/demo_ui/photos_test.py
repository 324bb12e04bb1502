"""Photos as people have them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.demo_ui import photos


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
