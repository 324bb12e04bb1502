"""The reliability diagram."""

import re

import pytest

from components.run_report.charts import Scale
from components.run_report.views import MOST_RADIUS, reliability_view

BARS = [
    {"low": 0.0, "high": 0.5, "count": 300, "score": 0.1, "frequency": 0.2},
    {"low": 0.5, "high": 0.75, "count": 0, "score": None, "frequency": None},
    {"low": 0.75, "high": 1.0, "count": 100, "score": 0.9, "frequency": 0.6},
]


def test_error_is_the_mean_gap_over_all_pairs():
    view = reliability_view(BARS)
    assert view.pairs == 400
    assert view.error == pytest.approx((300 * 0.1 + 100 * 0.3) / 400)


def test_every_filled_bar_has_a_dot_at_its_place_and_of_its_size():
    scale = Scale(0.0, 1.0, 0.0, 1.0)
    dots = re.findall(r'<circle [^>]*cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"',
                      reliability_view(BARS).chart)  # fmt: skip
    places = [(float(x), float(y)) for x, y, _ in dots]
    assert places == [(scale.x(0.1), scale.y(0.2)), (scale.x(0.9), scale.y(0.6))]
    radii = [float(radius) for *_, radius in dots]
    assert radii[0] == MOST_RADIUS > radii[1]


def test_axes_have_names():
    chart = reliability_view(BARS).chart
    assert "score that the recogniser gives" in chart
    assert "share that holds" in chart


def test_without_pairs_there_is_no_diagram():
    assert reliability_view(()) is None
    assert reliability_view(BARS[1:2]) is None
