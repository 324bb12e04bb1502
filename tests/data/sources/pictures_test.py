"""What `examine` lets through is upright, is what TensorFlow decodes, and has a stable hash."""

import io
import random
import zlib
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from data import images
from data.base.errors import DataError
from data.base.graphs import graph
from data.picture_files import (
    CONVERTED,
    DAMAGED_PROFILE,
    content_hash,
    hash_pixels,
    open_picture,
    to_srgb,
)
from data.sources import Limits
from data.sources.pictures import Fault, Picture, examine
from tests.data.picture_builders import ADOBE_RGB, chunks, exif, png_of, print_profile, with_exif

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
    "avif": encode(PICTURE, "AVIF") if features.check("avif") else encode(PICTURE, "BMP"),
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
    given = encode(block, name, exif=exif.tobytes())
    picture = examine(given, LIMITS)
    # Its bytes stay, and what turns it is in the models' own graph.
    assert decoded(picture).shape == (32, 64, 3)
    shown = images.preprocess(picture.encoded, 32).numpy()
    assert shown[2, 16].argmax() == 0 and shown[30, 16].argmax() == 2
    assert (picture.height, picture.width, picture.format) == (64, 32, name)
    upright = Image.open(io.BytesIO(given)).transpose(Image.Transpose.ROTATE_270)
    assert picture.content_hash == hash_pixels(upright)
    assert picture.encoded == given or name == "PNG"


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
        (encode(PICTURE.convert("F"), "TIFF"), LIMITS, "unsupported_mode"),
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


@pytest.mark.parametrize("name", ["PNG", "JPEG"])
def test_wide_colours_are_stored_as_srgb_and_told(name):
    slope = np.mgrid[0:120:5, 0:120:6].sum(0)[..., None] // [1, 2, 4]
    slope = Image.fromarray(slope.astype(np.uint8))
    given = encode(slope, name, icc_profile=ADOBE_RGB, exif=with_turn(6), quality=95)
    picture = examine(given, LIMITS)
    expected = to_srgb(open_picture(given).decode(), ADOBE_RGB)[0].transpose(
        Image.Transpose.ROTATE_270
    )
    assert picture.notes == (CONVERTED,) and picture.content_hash == hash_pixels(expected)
    stored = open_picture(picture.encoded)
    assert (stored.orientation, stored.profile) == (1, b"")
    difference = np.abs(np.asarray(stored.rgb(), int) - np.asarray(expected))
    assert difference.mean() <= (0 if name == "PNG" else 1.5)


def with_turn(value):
    held = Image.Exif()
    held[0x0112] = value
    return held.tobytes()


def test_print_colours_with_their_profile_are_read():
    given = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    for name in ("JPEG", "TIFF"):
        picture = examine(encode(given, name, icc_profile=print_profile()), LIMITS)
        assert isinstance(picture, Picture) and picture.notes == (CONVERTED,)
        assert abs(int(decoded(picture)[0, 0, 0]) - 120) <= 3
        assert examine(encode(given, name, icc_profile=b"damaged"), LIMITS).reason == "cmyk"


def test_a_damaged_profile_is_left_out_and_told():
    picture = examine(encode(PICTURE, "JPEG", icc_profile=b"damaged"), LIMITS)
    assert picture.notes == (DAMAGED_PROFILE,)
    assert picture.content_hash == examine(ACCEPTED["jpeg"], LIMITS).content_hash


def damage(draw: random.Random, content: bytes, times: int) -> bytes:
    """Changes, takes out and puts in bytes."""
    held = bytearray(content)
    for _ in range(times if held else 0):
        at = draw.randrange(len(held) + 1)
        put = bytes(draw.randrange(256) for _ in range(draw.choice((0, 1, 1, 1, 3))))
        held[at : at + draw.choice((0, 1, 1, 1, 3))] = put
    return bytes(held)


def damage_png(draw: random.Random, png: bytes) -> bytes:
    """Damages a PNG so that its checksums stay right."""
    parts = chunks(png)
    at, other = draw.randrange(len(parts)), draw.randrange(len(parts))
    kind, content = parts[at]
    way = draw.randrange(6)
    if way == 0:
        parts[at] = (kind, damage(draw, content, 2))
    elif way == 1:
        data = next(place for place, part in enumerate(parts) if part[0] == b"IDAT")
        rows = damage(draw, zlib.decompress(parts[data][1]), 2)
        parts[data] = (b"IDAT", zlib.compress(rows))
    elif way == 2:
        del parts[at]
    elif way == 3:
        parts.insert(at, (draw.choice((b"CgBI", b"ABCD", b"teXt", b"tRNS", b"PLTE")), bytes(6)))
    elif way == 4:
        parts[at], parts[other] = parts[other], parts[at]
    else:
        header = bytearray(parts[0][1])
        header[draw.choice((3, 7, 8, 9, 10, 11, 12))] = draw.choice((0, 1, 2, 3, 4, 6, 8, 16, 25))
        parts[0] = (b"IHDR", bytes(header))
    return png_of(parts)


def test_what_is_accepted_of_damaged_files_tensorflow_decodes_to_the_same_pixels():
    whole = {name: held for name, held in ACCEPTED.items() if held[:1] in (b"\x89", b"\xff")}
    whole["grey clear png"] = encode(PICTURE.convert("L"), "PNG", transparency=100)
    whole["four colours"] = encode(PICTURE.quantize(4), "PNG", bits=2, transparency=1)
    for name, options in (
        ("4:4:4", {"subsampling": 0}),
        ("restarts", {"restart_marker_blocks": 1}),
        ("grey progressive", {"progressive": True}),
    ):
        given = PICTURE.convert("L") if name.startswith("grey") else PICTURE
        whole[name] = encode(given, "JPEG", **options)
    whole["turned"] = with_exif(ACCEPTED["jpeg"], exif(6))

    def whole_picture(pixels, turn, colours):
        sides = tf.shape(pixels)[:2]
        sides = tf.where(turn >= 5, sides[::-1], sides)
        return colours(images._upright_part(pixels, turn, tf.constant([0, 0]), sides))

    read = graph(
        lambda encoded: images._decoded(encoded, whole_picture),
        input_signature=[tf.TensorSpec([], tf.string)],
    )
    draw, outcomes = random.Random(0), Counter()
    for _ in range(4000):
        encoded = whole[draw.choice(sorted(whole))]
        in_parts = encoded[:1] == b"\x89" and draw.random() < 0.8
        broken = damage_png(draw, encoded) if in_parts else damage(draw, encoded, 2)
        picture = examine(broken, Limits(max_pixels=10_000))
        outcomes[type(picture), encoded[:1]] += 1
        if isinstance(picture, Picture):
            shown = np.asarray(open_picture(picture.encoded).rgb(), np.float32)
            assert shown.shape == (picture.height, picture.width, 3), broken
            assert np.abs(read(picture.encoded).numpy() - shown).max() <= 1.01, broken
    assert len(outcomes) == 4 and min(outcomes.values()) > 100
