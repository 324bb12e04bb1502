import numpy as np
import pytest

from data.scenes import drawing, world


def _square_grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    grid = (np.arange(side) + 0.5 - side / 2) * (2.4 / side)
    x, y = np.meshgrid(grid, grid)
    return x, y


@pytest.mark.parametrize(
    ("shape", "area"),
    [("circle", np.pi), ("square", 1.72**2), ("triangle", 1.04 * 1.82), ("ring", np.pi * 0.7696)],
)
def test_covered_area_is_that_of_the_figure(shape, area):
    x, y = _square_grid(240)
    cover = drawing.coverage(shape, x, y, radius=1.0, angle=0.0, pixel=0.01)
    assert cover.sum() * 0.01**2 == pytest.approx(area, rel=0.01)


@pytest.mark.parametrize("shape", world.SHAPES)
def test_turning_keeps_the_area_and_moves_only_what_is_not_round(shape):
    x, y = _square_grid(240)
    upright, turned = (
        drawing.coverage(shape, x, y, radius=1.0, angle=angle, pixel=0.01) for angle in (0.0, 0.35)
    )
    assert turned.sum() == pytest.approx(upright.sum(), rel=0.01)
    assert (np.abs(turned - upright).mean() > 0.02) == (shape not in world.ROUND_SHAPES)


def test_a_star_points_up_and_a_triangle_stands_on_its_base():
    x, y = _square_grid(60)
    for shape in ("star", "triangle"):
        rows = drawing.coverage(shape, x, y, radius=1.0, angle=0.0, pixel=0.04).sum(1)
        drawn = np.flatnonzero(rows)
        assert rows[drawn[0]] < 4
        assert rows[drawn[-3]] > 2 * rows[drawn[0] + 2]
