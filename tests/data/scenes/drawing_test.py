import numpy as np
import pytest

from data.scenes import world
from data.scenes.drawing import draw
from data.scenes.layout import Figure, Scene
from data.scenes.world import Claim, ObjectClaim


def _scene(texture: str = "plain", action: str | None = None, background: str = "white") -> Scene:
    thing = ObjectClaim("red", "square", "large", texture, action)
    figure = Figure("red", "square", texture, action, 16.0, 18.0, 14.0, 0.0, 1)
    return Scene(Claim((thing,), count=1, background=background), (figure,))


@pytest.mark.parametrize("resolution", [32, 64, 100])
def test_a_plain_square_is_its_colour_on_its_background(resolution):
    picture = draw(_scene(), resolution)
    assert picture.shape == (resolution, resolution, 3)
    assert picture.dtype == np.uint8
    middle = resolution // 2
    assert tuple(picture[middle, middle]) == world.COLOURS["red"]
    assert tuple(picture[0, 0]) == world.BACKGROUNDS["white"]


def test_edges_are_smooth():
    picture = draw(_scene(), 33)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 2


@pytest.mark.parametrize("texture", ["striped", "dotted"])
def test_textures_bring_in_the_second_tone_only(texture):
    picture = draw(_scene(texture), 64)[24:48, 20:44].astype(float)
    shares = picture / np.array(world.COLOURS["red"])
    assert shares.min() == pytest.approx(world.SECOND_TONE, abs=0.02)
    assert shares.max() == pytest.approx(1.0, abs=0.02)
    assert 0.1 < (shares[..., 0] < 0.8).mean() < 0.6


def test_stripes_lie_across_and_dots_do_not():
    striped, dotted = (
        draw(_scene(name), 64)[24:48, 20:44, 0].astype(int) for name in ("striped", "dotted")
    )
    assert np.ptp(striped, axis=1).max() == 0
    assert np.ptp(dotted, axis=1).max() > 50


@pytest.mark.parametrize("action", ["falling", "rolling"])
def test_motion_lines_are_drawn_where_the_figure_says(action):
    still, moving = draw(_scene(), 32), draw(_scene(action=action), 32)
    rows, columns = np.nonzero(np.any(still != moving, axis=-1))
    assert len(rows) > 5
    if action == "falling":
        assert rows.max() < 11
    else:
        assert columns.min() > 22


def test_figures_are_painted_in_their_order():
    things = (
        ObjectClaim("red", "square", "large", "plain"),
        ObjectClaim("blue", "circle", "small", "plain"),
    )
    figures = (
        Figure("red", "square", "plain", None, 16.0, 16.0, 16.0, 0.0, 1),
        Figure("blue", "circle", "plain", None, 16.0, 16.0, 9.0, 0.0, 1),
    )
    facts = Claim(things, relation="behind", background="grey")
    assert tuple(draw(Scene(facts, figures), 32)[16, 16]) == world.COLOURS["blue"]
    assert tuple(draw(Scene(facts, figures[::-1]), 32)[16, 16]) == world.COLOURS["red"]


def test_a_picture_too_small_to_see_anything_is_refused():
    with pytest.raises(ValueError, match="8 pixels"):
        draw(_scene(), 4)
