import numpy as np
import pytest
from scipy import ndimage

from data.scenes import drawing, pixel_check, world


def _mask(shape: str, diameter: float, x: float, y: float, angle: float = 0.0) -> np.ndarray:
    grid = np.arange(pixel_check.SIDE) + 0.5
    columns, rows = np.meshgrid(grid - x, grid - y)
    cover = drawing.coverage(shape, columns, rows, radius=diameter / 2, angle=angle)
    return cover.astype(np.float32)


@pytest.mark.parametrize("shape", world.SHAPES)
@pytest.mark.parametrize("diameter", [9.0, 14.6])
@pytest.mark.parametrize("angle", [0.0, 0.35])
def test_a_shape_is_told_from_all_others_and_found_where_it_is(shape, diameter, angle):
    fit = pixel_check.fit(_mask(shape, diameter, 11.3, 20.8, angle))
    others = np.delete(fit.scores, world.SHAPES.index(shape))
    assert fit.scores[world.SHAPES.index(shape)] > max(0.93, others.max() + 0.01)
    assert (fit.x, fit.y) == pytest.approx((11.3, 20.8), abs=0.6)


@pytest.mark.parametrize("shape", world.SHAPES)
def test_a_blurred_shape_is_matched_as_well_as_a_sharp_one(shape):
    blurred = ndimage.uniform_filter(_mask(shape, 10.0, 16.2, 15.6), 3)
    fit = pixel_check.fit(blurred)
    assert fit.scores[world.SHAPES.index(shape)] > 0.95


@pytest.mark.parametrize("shape", world.SHAPES)
def test_a_shape_is_told_though_a_corner_of_it_is_hidden(shape):
    front = _mask("circle", 9.5, 20.0, 12.0)
    seen = _mask(shape, 16.0, 16.0, 16.0) * (1 - front)
    fit = pixel_check.fit_hidden(seen, front < 0.3)
    assert world.SHAPES[int(fit.scores.argmax())] == shape
    assert (fit.x, fit.y) == pytest.approx((16.0, 16.0), abs=1.2)
    assert fit.scores.max() > pixel_check.fit(seen).scores.max()
