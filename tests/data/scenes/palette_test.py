import numpy as np
import pytest

from data.scenes import pixel_check, world

GREY = np.array(world.BACKGROUNDS["grey"], np.float32)


def _square(colour: np.ndarray, background: np.ndarray = GREY) -> np.ndarray:
    image = np.broadcast_to(background, (32, 32, 3)).astype(np.float32).copy()
    image[10:20, 8:20] = colour
    return image


@pytest.mark.parametrize("background", world.BACKGROUNDS)
def test_the_background_is_found_though_its_colour_is_off_and_something_touches_the_border(
    background,
):
    rgb = np.array(world.BACKGROUNDS[background], np.float32) * 0.95 + 4
    image = _square(np.zeros(3), rgb)
    image[:12, 0] = world.COLOURS["orange"]
    np.testing.assert_allclose(pixel_check.background_of(image), rgb)


@pytest.mark.parametrize("colour", world.COLOURS)
@pytest.mark.parametrize("background", world.BACKGROUNDS)
def test_a_colour_is_told_on_every_background(colour, background):
    image = _square(
        np.array(world.COLOURS[colour], np.float32),
        np.array(world.BACKGROUNDS[background], np.float32),
    )
    (layer,) = pixel_check.layers(image)
    assert layer.colour == colour
    assert layer.area == pytest.approx(120)


def test_edges_that_look_like_another_colour_belong_to_their_object():
    red, white = (
        np.array(rgb, np.float32) for rgb in (world.COLOURS["red"], world.BACKGROUNDS["white"])
    )
    image = _square(red, white)
    image[9, 8:20] = image[20, 8:20] = (red + white) / 2
    (layer,) = pixel_check.layers(image)
    assert layer.colour == "red"
    assert layer.area == pytest.approx(132, abs=0.5)


@pytest.mark.parametrize("colour", world.COLOURS)
def test_tones_between_a_colour_and_its_second_tone_cover_fully(colour):
    tone = np.array(world.COLOURS[colour], np.float32) * (1 + world.SECOND_TONE) / 2
    outward = (tone - GREY) / np.linalg.norm(tone - GREY)
    (layer,) = pixel_check.layers(_square(tone + 6 * outward))
    assert layer.colour == colour
    assert layer.area == pytest.approx(120, rel=0.02)


def test_motion_lines_are_no_object():
    image = _square(np.array(world.COLOURS["red"], np.float32))
    image[2:9, 10] = image[2:9, 12] = image[2:9, 14] = world.STROKES["grey"]
    (layer,) = pixel_check.layers(image)
    assert layer.area == pytest.approx(120)


def test_parts_are_numbered_and_specks_left_out():
    image = _square(np.array(world.COLOURS["blue"], np.float32))
    image[2:8, 22:30] = world.COLOURS["blue"]
    image[28:30, 28:30] = world.COLOURS["blue"]
    (layer,) = pixel_check.layers(image)
    assert sorted(np.unique(layer.parts)) == [0, 1, 2]
    assert layer.area == pytest.approx(168)


def test_nothing_is_found_in_an_empty_picture():
    assert pixel_check.layers(np.full((32, 32, 3), 150, np.float32)) == []
