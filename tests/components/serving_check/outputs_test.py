"""One fault of an answer at a time."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from components.serving_check.check import (
    blank_faults,
    decode_output,
    output_faults,
    row_difference,
)


def picture(value, mode="RGB", size=4, kind="PNG"):
    out = io.BytesIO()
    Image.new(mode, (size, size), value).save(out, kind)
    return out.getvalue()


def objects(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def test_decode_restores_bytes_and_numbers():
    record = {"shape": [2, 1], "b64": [base64.b64encode(x).decode() for x in (b"a\0", b"b")]}
    assert decode_output(record).tolist() == [[b"a\0"], [b"b"]]
    assert decode_output({"shape": [1, 2], "values": [1.5, 2.0]}).tolist() == [[1.5, 2.0]]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("score", np.zeros([3, 2]), "shape"),
        ("score", np.array([[1.0, np.nan]] * 2), "not finite"),
        ("embedding", np.ones([2, 4]), "no unit vectors"),
        ("caption", objects(b"ok", b"\xff"), "no UTF-8"),
        ("image_bytes", objects(b"x", b"y"), "does not decode"),
        ("image_bytes", objects(picture(0, "L"), picture(0, "L")), "PNG L 4x4"),
        ("image_bytes", objects(picture(0), picture(0, size=8)), "of one size"),
        ("image_bytes", objects(picture(0, kind="JPEG"), picture(0)), "JPEG"),
    ],
)
def test_faults(name, values, words):
    assert words in " ".join(output_faults(name, values, rows=2))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("score", np.zeros([2, 2])),
        ("embedding", np.eye(2)),
        ("caption", objects("一个".encode(), b"")),
        ("image_bytes", objects(picture(0), picture(9))),
    ],
)
def test_sound_outputs_have_no_faults(name, values):
    assert output_faults(name, values, rows=2) == []


def test_pictures_must_be_equal_to_the_byte():
    assert row_difference("image_bytes", picture(7), picture(7)) == ""
    assert "up to 2 of 255" in row_difference("image_bytes", picture(0), picture((0, 2, 1)))
    assert "pixels" in row_difference("image_bytes", picture(0), picture(0, size=8))


def test_numbers_may_differ_by_rounding():
    assert row_difference("score", np.zeros(2), np.full(2, 1e-5)) == ""
    assert "0.1 apart" in row_difference("score", np.zeros(2), np.array([0.0, 0.1]))
    assert "shapes" in row_difference("attention", np.zeros([2, 1]), np.zeros([3, 1]))


def test_texts_must_be_equal():
    assert row_difference("caption", b"a red square", b"a red square") == ""
    assert "'a' and 'b'" in row_difference("caption", b"a", b"b")


def test_rows_with_an_error_must_be_blank():
    assert blank_faults("caption", objects(b"", b"")) == []
    assert blank_faults("score", np.zeros([2, 3])) == []
    assert "not empty" in blank_faults("caption", objects(b"", b"a"))[0]
    assert "not empty" in blank_faults("score", np.array([[0.0, np.nan]]))[0]


def test_no_rows_have_no_faults():
    assert output_faults("embedding", np.zeros([0, 4]), rows=0) == []
    assert "shape" in output_faults("embedding", np.zeros([1, 4]), rows=0)[0]
