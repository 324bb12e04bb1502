"""What `examine` lets through is upright, is what TensorFlow decodes, and has a stable hash."""

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.errors import DataError
from data.sources import Limits
from data.sources.pictures import Fault, Picture, examine
from data.splits import content_hash, hash_pixels

LIMITS = Limits()

NOISE = np.random.default_rng(3).integers(0, 256, (24, 20, 3), dtype=np.uint8)


def encode(image: Image.Image, name: str, **save) -> bytes:
    target = io.BytesIO()
    image.save(target, name, **save)
    return target.getvalue()


PICTURE = Image.fromarray(NOISE)
ACCEPTED = {
    "jpeg": encode(PICTURE, "JPEG"),
    "progressive": encode(PICTURE, "JPEG", progressive=True),
    "grey jpeg": encode(PICTURE.convert("L"), "JPEG"),
    "png": encode(PICTURE, "PNG"),
    "grey png": encode(PICTURE.convert("L"), "PNG"),
    "bilevel png": encode(PICTURE.convert("1"), "PNG"),
    "palette png": encode(PICTURE.quantize(64), "PNG"),
    "clear palette png": encode(PICTURE.quantize(64), "PNG", transparency=1),
    "grey alpha png": encode(PICTURE.convert("LA"), "PNG"),
    "alpha png": encode(PICTURE.convert("RGBA"), "PNG"),
    "16 bit png": encode(Image.fromarray(NOISE[:, :, 0].astype(np.uint16) * 257), "PNG"),
    "webp": encode(PICTURE, "WEBP", lossless=True),
    "gif": encode(PICTURE, "GIF"),
    "tiff": encode(PICTURE, "TIFF"),
    "bmp": encode(PICTURE, "BMP"),
    "two in one jpeg": encode(PICTURE, "MPO", save_all=True, append_images=[PICTURE]),
}


def decoded(picture: Picture) -> np.ndarray:
    return tf.io.decode_image(picture.encoded, expand_animations=False).numpy()


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_pictures_decode_in_tensorflow_with_the_stated_shape(name):
    picture = examine(ACCEPTED[name], LIMITS)
    assert isinstance(picture, Picture), picture
    assert decoded(picture).shape == (picture.height, picture.width, picture.channels)
    assert (picture.height, picture.width) == (24, 20)


@pytest.mark.parametrize("name", ["webp", "tiff", "bmp"])
def test_other_formats_become_png_without_loss(name):
    picture = examine(ACCEPTED[name], LIMITS)
    assert picture.encoded.startswith(b"\x89PNG")
    assert picture.format == name.upper()
    np.testing.assert_array_equal(decoded(picture), NOISE)


@pytest.mark.parametrize("name", ["jpeg", "png", "16 bit png", "palette png"])
def test_png_and_jpeg_keep_their_bytes(name):
    assert examine(ACCEPTED[name], LIMITS).encoded is ACCEPTED[name]


def test_one_picture_in_two_encodings_has_one_hash_and_another_picture_another():
    hashes = {examine(ACCEPTED[name], LIMITS).content_hash for name in ("png", "bmp", "webp")}
    assert hashes == {content_hash(ACCEPTED["png"])}
    nearly = NOISE.copy()
    nearly[0, 0, 0] ^= 1
    assert content_hash(encode(Image.fromarray(nearly), "PNG")) not in hashes


def test_the_hash_is_of_what_is_seen_over_white():
    hidden = Image.fromarray(NOISE).convert("RGBA")
    hidden.putalpha(0)
    assert hash_pixels(hidden) == hash_pixels(Image.new("RGB", hidden.size, "white"))


def test_the_hash_tells_deep_grey_pictures_apart():
    deep = [np.full((8, 8), value, np.uint16) for value in (1000, 1001)]
    assert len({hash_pixels(Image.fromarray(values)) for values in deep}) == 2


def test_the_hash_is_the_same_for_ever():
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    assert hash_pixels(image) == "3a1997b55ff6980f5978a8466bddf859"


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_a_picture_that_its_exif_turns_comes_out_upright(name):
    exif = Image.Exif()
    exif[0x0112] = 6
    block = Image.new("RGB", (64, 32), "blue")
    block.paste("red", (0, 0, 32, 32))
    picture = examine(encode(block, name, exif=exif.tobytes()), LIMITS)
    shown = decoded(picture)
    assert shown.shape == (64, 32, 3)
    assert shown[10, 16].argmax() == 0 and shown[50, 16].argmax() == 2
    assert picture.format == name


def test_damaged_exif_does_not_cost_the_picture():
    broken = encode(PICTURE, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff" + b"\xff" * 40)
    assert isinstance(examine(broken, LIMITS), Picture)


@pytest.mark.parametrize(
    ("encoded", "limits", "reason"),
    [
        (b"", LIMITS, "empty_file"),
        (b"<svg/>", LIMITS, "not_an_image"),
        (b"\x89PNG\r\n\x1a\n", LIMITS, "undecodable_image"),
        (ACCEPTED["png"][:-12], LIMITS, "undecodable_image"),
        (ACCEPTED["png"][:-2], LIMITS, "undecodable_image"),
        (ACCEPTED["jpeg"][:-2], LIMITS, "undecodable_image"),
        # The checksum of the pixels, which Pillow's decoder does not look at.
        (ACCEPTED["png"][:-14] + b"??" + ACCEPTED["png"][-12:], LIMITS, "undecodable_image"),
        (ACCEPTED["png"], Limits(max_pixels=24 * 20 - 1), "decompression_bomb"),
        (ACCEPTED["png"], Limits(max_aspect=1.1), "extreme_shape"),
        (encode(PICTURE.convert("CMYK"), "TIFF"), LIMITS, "cmyk"),
        (encode(PICTURE.convert("F"), "TIFF"), LIMITS, "undecodable_image"),
        (encode(PICTURE, "PPM"), LIMITS, "not_an_image"),
    ],
)
def test_refused(encoded, limits, reason):
    fault = examine(encoded, limits)
    assert isinstance(fault, Fault) and fault.reason == reason


def test_a_picture_at_the_limit_is_accepted():
    assert isinstance(examine(ACCEPTED["png"], Limits(max_pixels=24 * 20, max_aspect=1.2)), Picture)


def test_limits_that_pillow_would_not_honour_are_refused():
    with pytest.raises(DataError, match="178,956,970"):
        Limits(max_pixels=200_000_000)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(ACCEPTED)))
def test_damaged_pictures_never_raise_and_survivors_decode(data, name):
    damaged = bytearray(ACCEPTED[name])
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.one_of(st.just(len(damaged)), st.integers(0, len(damaged)))) :]
    found = examine(bytes(damaged), Limits(max_pixels=10_000))
    if isinstance(found, Picture):
        assert decoded(found).shape == (found.height, found.width, found.channels)
