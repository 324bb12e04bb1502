import io

import numpy as np
import pytest
from PIL import Image

from data.images import preprocess
from trainer.evaluation.inputs import decode, from_thumbnail, small_png, thumbnail


def _encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_decode_lays_transparency_over_white():
    clear = Image.new("RGBA", (4, 2), (255, 0, 0, 0))
    assert (decode(_encode(clear)) == 255).all()
    assert decode(_encode(Image.new("L", (4, 2), 7))).tolist() == [[[7, 7, 7]] * 4] * 2


@pytest.mark.parametrize("read", [decode, lambda encoded: thumbnail(encoded).reshape(16, 16, 3)])
def test_deep_grey_is_as_bright_as_the_models_see_it(read):
    ramp = np.broadcast_to(np.arange(16, dtype=np.uint16) * 4096, (16, 16))
    found = read(_encode(Image.fromarray(np.ascontiguousarray(ramp))))
    seen = preprocess(_encode(Image.fromarray(np.ascontiguousarray(ramp))), 16)
    np.testing.assert_allclose(found, seen, atol=1)


def test_thumbnail_is_the_area_mean_of_the_central_square():
    values = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    expected = values[:, 16:80].reshape(16, 4, 16, 4, 3).mean((1, 3))
    found = thumbnail(_encode(Image.fromarray(values))).reshape(16, 16, 3)
    np.testing.assert_allclose(found, expected, atol=1.0)


def test_thumbnail_of_a_large_jpeg_and_of_a_small_picture():
    slope = np.broadcast_to(np.linspace(0, 255, 640)[:, None, None], (640, 640, 3))
    image = Image.fromarray(slope.astype(np.uint8))
    plain = thumbnail(_encode(image)).astype(int)
    assert np.abs(thumbnail(_encode(image, "JPEG", quality=95)) - plain).max() <= 8
    assert thumbnail(_encode(Image.new("RGB", (5, 9), "red"))).shape == (768,)


def test_from_thumbnail_and_small_png():
    grey = np.full(768, 99.6)
    assert (decode(from_thumbnail(grey, 32)) == 100).all()
    assert decode(small_png(_encode(Image.new("RGB", (600, 300))))).shape == (128, 256, 3)
    assert decode(small_png(_encode(Image.new("RGB", (32, 30))))).shape == (30, 32, 3)
