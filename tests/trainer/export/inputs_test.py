"""What clients may send, and the limits of it."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from data import schema
from data.images import preprocess
from data.sources.pictures import examine
from data.sources.rows import Limits
from tests.data.picture_builders import chunks, exif, png_of, with_exif, with_scans
from trainer.config import ExportSettings
from trainer.export.signatures import read_examples, read_pictures, read_texts

pytestmark = pytest.mark.debian13

LIMITS = ExportSettings(caption_bytes=10, picture_bytes=2000, picture_pixels=400)
KINDS = [("PNG", mode) for mode in ("RGB", "RGBA", "L", "P", "1", "I;16", "LA")]
KINDS += [("JPEG", mode) for mode in ("RGB", "L", "CMYK")]


def encoded(form="PNG", mode="RGB", size=(20, 20), noisy=False, **save):
    values = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    image = Image.fromarray(values) if noisy else Image.new("RGB", size, (200, 30, 90))
    buffer = io.BytesIO()
    (image.convert("L").convert("I;16") if mode == "I;16" else image.convert(mode)).save(
        buffer, form, **save
    )
    return buffer.getvalue()


def with_sides(png, width, height):
    """Returns a PNG whose header says another size."""
    (kind, header), *parts = chunks(png)
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return png_of([(kind, sides + header[8:]), *parts])


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def read(pictures):
    return read_pictures(pictures, 8, LIMITS)


@pytest.mark.parametrize(("form", "mode"), KINDS)
def test_pictures_of_every_kind_are_read_as_for_training(form, mode):
    one = encoded(form, mode)
    pictures, errors = read(tf.constant([one]))
    assert errors.numpy().tolist() == [b""]
    np.testing.assert_array_equal(pictures[0], preprocess(tf.constant(one), 8))


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (encoded(size=(21, 20)), "more than 400 pixels"),
        (encoded("JPEG", size=(401, 1)), "more than 400 pixels"),
        (encoded(size=(20, 20), noisy=True) + bytes(2000), "larger than 2000 bytes"),
        (encoded(noisy=True)[:700], "cannot be decoded"),
        (encoded("JPEG", noisy=True)[:300], "cannot be decoded"),
        (encoded()[:20], "cannot be decoded"),
        # A size of 1 x 1 in a chunk before the header, which libpng passes over.
        (png_of([(b"prVt", b"\0\0\0\1\0\0\0\1"), *chunks(encoded(size=(21, 20)))]), "cannot be"),
        (with_sides(encoded(), 2**31 - 1, 2**31 - 1), "more than 400 pixels"),
        (with_sides(encoded(), 2**32 - 1, 400), "more than 400 pixels"),
        # The first frame of it is that of a small picture, within Exif.
        (
            with_exif(encoded("JPEG", size=(401, 1)), exif(1) + encoded("JPEG", size=(8, 8))),
            "more than 400 pixels",
        ),
        (with_scans(encoded("JPEG", progressive=True), 120), "more than 100 scans"),
        (encoded("BMP", size=(2, 2)), "neither a PNG nor a JPEG file"),
        (b"", "the field is empty"),
    ],
)
def test_a_picture_that_cannot_be_read_is_black_and_says_why(picture, words):
    pictures, errors = read(tf.constant([encoded(), picture, encoded("JPEG")]))
    found = [error.decode() for error in errors.numpy()]
    assert words in found[1] and found[::2] == ["", ""]
    assert not pictures[1].numpy().any()
    assert pictures[0].numpy().any() and pictures[2].numpy().any()


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_served_pixels_are_those_of_training_whatever_exif_says(form, order):
    plain = encoded(form, size=(20, 13), noisy=True)
    lying = [with_exif(plain, exif(turn, order)) for turn in range(1, 9)]
    stored = [examine(one, Limits()).encoded for one in lying]
    served, errors = read(tf.constant(lying))
    assert errors.numpy().tolist() == [b""] * 8
    np.testing.assert_array_equal(served, read(tf.constant(stored))[0])
    training = tf.stack([preprocess(one, 8) for one in stored])
    np.testing.assert_array_equal(served, training)
    upright = [ImageOps.exif_transpose(Image.open(io.BytesIO(one))) for one in lying]
    for row, image in enumerate(upright):
        buffer = io.BytesIO()
        image.save(buffer, "PNG", exif=b"")
        assert np.abs(served[row].numpy().astype(int) - preprocess(buffer.getvalue(), 8)).max() <= 1
    assert len({row.numpy().tobytes() for row in served}) == 8


def test_a_picture_of_exactly_the_limit_is_read():
    assert len(encoded(size=(20, 20))) < 2000
    assert read(tf.constant([encoded(size=(20, 20))]))[1].numpy().tolist() == [b""]


def test_captions_are_limited_in_bytes():
    texts, errors = read_texts(tf.constant(["x" * 10, "x" * 11, "圆圆圆", "圆圆圆圆", ""]), LIMITS)
    assert texts.numpy().tolist() == [b"x" * 10, b"", "圆圆圆".encode(), b"", b""]
    assert [bool(error) for error in errors.numpy()] == [False, True, False, True, False]
    assert b"longer than 10 bytes" in errors.numpy()[1]


def test_the_first_value_of_a_feature_is_read():
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"one", b"two"]))
    named = {schema.CAPTION_TEXT: feature}
    whole = tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()
    number = tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))
    named = {schema.CAPTION_TEXT: number}
    wrong = tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()
    rows = tf.constant([whole, b"\xff\xff", b"", wrong])
    values, errors = read_examples(rows, schema.CAPTION_TEXT)
    assert values.numpy().tolist() == [b"one", b"", b"", b""]
    assert [bool(error) for error in errors.numpy()] == [False, True, False, True]
