"""Pictures of every colour type to model pixels, judged by Pillow."""

import functools
import io
import os
import random
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from data import images, picture_bytes
from data.base.graphs import graph
from data.picture_files import open_picture
from tests.data.picture_builders import encode, exif, of_many_scans, with_exif, with_segment

SIDE = 24
MANY_SCANS = of_many_scans()
has_endless_scans = graph(images.has_endless_scans, input_signature=[tf.TensorSpec([], tf.string)])


def _file(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _noise(*shape, high=256, dtype=np.uint8):
    return np.random.RandomState(0).randint(0, high, shape).astype(dtype)


def _pictures():
    rgb = Image.fromarray(_noise(SIDE, SIDE, 3))
    return {
        "rgb": _file(rgb),
        "grey": _file(rgb.convert("L")),
        "grey alpha": _file(Image.fromarray(_noise(SIDE, SIDE, 4)).convert("LA")),
        "alpha": _file(Image.fromarray(_noise(SIDE, SIDE, 4))),
        "palette": _file(rgb.convert("P")),
        "clear palette": _file(rgb.convert("P"), transparency=3),
        "clear": _file(Image.new("RGBA", (SIDE, SIDE), (9, 9, 9, 0))),
        "one bit": _file(rgb.convert("1")),
        "four colours": _file(rgb.quantize(4), bits=2),
        "four colours, one clear": _file(rgb.quantize(4), bits=2, transparency=1),
        "jpeg": _file(rgb, "JPEG"),
        "grey jpeg": _file(rgb.convert("L"), "JPEG"),
        "cmyk jpeg": _file(rgb.convert("CMYK"), "JPEG"),
    }


def _by_pillow(encoded):
    image = Image.open(io.BytesIO(encoded))
    if image.mode in ("CMYK", "1"):
        return np.array(image.convert("RGB"))
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return np.array(white.convert("RGB"))


@pytest.mark.parametrize("kind", _pictures())
def test_pixels_at_the_same_size_are_those_of_the_file(kind):
    encoded = _pictures()[kind]
    difference = images.preprocess(encoded, SIDE).numpy().astype(int) - _by_pillow(encoded)
    assert np.abs(difference).max() <= (1 if "alpha" in kind else 0)


def test_16_bit_grey_is_scaled_not_clipped():
    values = _noise(SIDE, SIDE, high=65536, dtype=np.uint16)
    pixels = images.preprocess(_file(Image.fromarray(values)), SIDE).numpy()
    assert np.abs(pixels[..., 0] - values / 257.0).max() <= 0.5


@pytest.mark.parametrize("size", [(60, 30), (30, 60), (30, 90)])
def test_centre_square_is_kept(size):
    picture = Image.new("RGB", size, "red")
    left, top = (size[0] - 30) // 2, (size[1] - 30) // 2
    picture.paste("blue", (left, top, left + 30, top + 30))
    assert (images.preprocess(_file(picture), 8).numpy() == [0, 0, 255]).all()


def test_shrinking_averages_fine_stripes():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, 3::8] = 255
    pixels = images.preprocess(_file(Image.fromarray(stripes)), 8).numpy().astype(int)
    assert np.abs(pixels[:, 1:-1] - 255 / 8).max() <= 6


def test_eager_and_tf_data_agree():
    encoded = tf.constant([*_pictures().values(), _file(Image.fromarray(_noise(70, 41, 3)))])
    batches = tf.data.Dataset.from_tensor_slices(encoded).batch(4)
    mapped = tf.concat(list(batches.map(lambda e: images.preprocess_batch(e, 16))), axis=0)
    eager = tf.stack([images.preprocess(one, 16) for one in encoded])
    assert (mapped == eager).numpy().all()
    assert images.preprocess_batch(encoded[:0], 16).shape == (0, 16, 16, 3)


@pytest.mark.parametrize("encoded", [b"", b"plain text", _pictures()["jpeg"][:300]])
def test_what_is_no_picture_raises(encoded):
    with pytest.raises(tf.errors.InvalidArgumentError):
        images.preprocess(encoded, 8)


def test_png_keeps_every_pixel():
    pixels = _noise(3, 8, 8, 3)
    encoded = images.encode_png_batch(tf.constant(pixels))
    assert (images.preprocess_batch(encoded, 8).numpy() == pixels).all()


def test_float_range_and_back():
    every = tf.range(256, dtype=tf.int32)
    floats = images.to_float(tf.cast(every, tf.uint8))
    assert floats.dtype == tf.float32
    assert (floats.numpy().min(), floats.numpy().max()) == (-1.0, 1.0)
    assert images.to_uint8(floats).numpy().tolist() == list(range(256))
    assert images.to_uint8(tf.constant([-1.7, 1.7])).numpy().tolist() == [0, 255]


STRING = [tf.TensorSpec([], tf.string)]


@pytest.fixture(scope="module")
def preprocess():
    return graph(lambda encoded: images.preprocess(encoded, SIDE), input_signature=STRING)


@pytest.fixture(scope="module")
def orientation():
    return graph(images.orientation, input_signature=STRING)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", range(1, 9))
def test_exif_turns_a_picture_upright_to_the_pixel(preprocess, value, order):
    lying = Image.fromarray(_noise(SIDE, 31, 3))
    for kind, mode in (("PNG", "RGB"), ("PNG", "RGBA"), ("JPEG", "RGB"), ("JPEG", "L")):
        encoded = with_exif(_file(lying.convert(mode), kind), exif(value, order))
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
        plain = Image.open(io.BytesIO(_file(upright, kind, quality=100)))
        assert not plain.getexif()
        found = preprocess(encoded)
        if kind == "PNG":
            np.testing.assert_array_equal(found, preprocess(_file(upright)))
        # The pixels that Pillow decodes, turned, as a file that needs no turning.
        decoded = open_picture(encoded).rgb()
        np.testing.assert_allclose(found, preprocess(_file(decoded)), atol=1)
        assert decoded.size == upright.size


def test_graph_and_bytes_read_one_orientation(orientation):
    draw = random.Random(0)
    plain = [encode(Image.new("L", (2, 2)), kind) for kind in ("PNG", "JPEG")]
    counts = [0] * 9
    for _ in range(1000):
        tags = tuple(draw.choices((0x0112, 0x0110, 0x1201), (4, 1, 1), k=draw.randrange(1, 4)))
        kind = draw.choice((3, 3, 3, 4))
        block = bytearray(exif(draw.randrange(10), draw.choice("<>"), kind, 1, tags))
        for _ in range(draw.choice((0, 0, 1, 3))):
            block[draw.randrange(len(block))] = draw.choice((0, 1, 8, 255, draw.randrange(256)))
        if draw.random() < 0.2:
            del block[draw.randrange(len(block)) :]
        encoded = bytearray(with_exif(draw.choice(plain), bytes(block)))
        if draw.random() < 0.2:
            encoded[draw.randrange(2, min(40, len(encoded)))] = draw.randrange(256)
        if draw.random() < 0.1 and encoded[:1] == b"\xff":
            encoded = bytearray(with_segment(bytes(encoded), 0xE1, b"Exif\0\0"))
        if draw.random() < 0.2:
            del encoded[draw.randrange(len(encoded)) :]
        expected = picture_bytes.orientation(bytes(encoded))
        assert orientation(bytes(encoded)).numpy() == expected, bytes(encoded)
        counts[expected] += 1
    assert min(counts[1:]) > 20


def test_the_search_for_exif_ends_where_that_of_the_bytes_does(orientation):
    for extra in (picture_bytes.EXIF_STEPS - 1, picture_bytes.EXIF_STEPS):
        jpeg = with_exif(_pictures()["jpeg"], exif(6))
        many = jpeg[:2] + struct.pack(">BBH", 0xFF, 0xFE, 2) * extra + jpeg[2:]
        assert orientation(many).numpy() == picture_bytes.orientation(many)
    assert picture_bytes.orientation(many) == 1


@pytest.mark.parametrize("name", MANY_SCANS)
def test_scans_are_counted_in_the_graph_as_in_the_file(name):
    jpeg, is_endless = MANY_SCANS[name]
    assert bool(has_endless_scans(jpeg)) == is_endless


def test_scans_of_random_bytes_are_counted_in_the_graph_as_in_the_file():
    draw, outcomes = random.Random(0), Counter()
    whole = MANY_SCANS["thousands"][0][:3000]
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(draw.randrange(1, 30)):
            broken[draw.randrange(3, len(broken))] = draw.choice([0, 1, 0xD0, 0xD9, 0xDA, 0xFF])
        jpeg = bytes(broken[: draw.randrange(1500, len(broken))])
        try:
            picture_bytes.check_scans(jpeg)
            expected = False
        except picture_bytes.UnknownFormError:
            expected = True
        assert bool(has_endless_scans(jpeg)) == expected, jpeg
        outcomes[expected] += 1
    assert min(outcomes[True], outcomes[False]) > 20


def test_what_is_no_jpeg_has_no_scans():
    assert not has_endless_scans(b"\xff\xda\0\2" * 200)
    assert not has_endless_scans(b"")


def whole_square(pixels, turn, colours, resolution):
    """The centre square, without strips."""
    sides = tf.shape(pixels)[:2]
    upright = images._upright_part(
        pixels, turn, tf.constant([0, 0]), tf.where(turn >= 5, sides[::-1], sides)
    )
    side = min(upright.shape[:2])
    top, left = (upright.shape[0] - side) // 2, (upright.shape[1] - side) // 2
    square = colours(upright[top : top + side, left : left + side])
    return tf.image.resize(square, [resolution] * 2, "bicubic", antialias=True)


@pytest.mark.parametrize(
    ("mode", "size", "turn"),
    [
        *((mode, (61, 47), 1) for mode in ("RGB", "LA", "I;16", "1", "JPEG")),
        *(("RGBA", (61, 47), turn) for turn in range(1, 9)),
        *(("RGB", size, 6) for size in ((40, 97), (3, 50), (64, 64))),
    ],
)
def test_strips_change_no_bit(monkeypatch, mode, size, turn):
    noise = Image.fromarray(_noise(*size, 4))
    kind = "JPEG" if mode == "JPEG" else "PNG"
    deep = Image.fromarray(_noise(*size, high=65536, dtype=np.uint16))
    given = deep if mode == "I;16" else noise.convert("RGB" if mode == "JPEG" else mode)
    encoded = with_exif(_file(given, kind), exif(turn))
    at_once = images._decoded(encoded, functools.partial(whole_square, resolution=SIDE))
    monkeypatch.setattr(images, "_STRIP", 200)
    in_strips = images._decoded(encoded, functools.partial(images._square, resolution=SIDE))
    assert in_strips.numpy().tobytes() == at_once.numpy().tobytes()


@pytest.mark.slow
def test_a_large_picture_takes_little_memory(tmp_path):
    """Bytes a pixel, by the peak of a process of its own: four are what the decoder gives."""
    side, script = 4000, tmp_path / "read.py"
    script.write_text(
        "import pathlib, re, sys\n"
        "import tensorflow as tf\n"
        "from data import images\n"
        "read = tf.function(lambda one: images.preprocess(one, 32))\n"
        "def kib(key):\n"
        "    status = pathlib.Path('/proc/self/status').read_text()\n"
        "    return int(re.search(key + r':\\s+(\\d+)', status)[1])\n"
        "small, large = (tf.constant(pathlib.Path(one).read_bytes()) for one in sys.argv[1:])\n"
        "read(small)\n"
        "before = kib('VmRSS')\n"
        "read(large)\n"
        "print((kib('VmHWM') - before) * 1024)\n"
    )
    names = [str(tmp_path / name) for name in ("small.png", "large.png")]
    for name, size in zip(names, (SIDE, side), strict=True):
        Image.new("L", (size, size), 99).save(name)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(script), *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 12 * side**2
