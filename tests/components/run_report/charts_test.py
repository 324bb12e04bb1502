"""Numbers, ticks and what a chart draws."""

import re
import xml.etree.ElementTree as ET

import pytest

from components.run_report.charts import BOTTOM, HEIGHT, LEFT, Series, line_chart, number, ticks


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.91234, "0.912"),
        (-0.5, "−0.5"),
        (1234.4, "1234"),
        (43210.0, "43.2k"),
        (1_300_000.0, "1.3M"),
        (0.0000123, "1.23e-05"),
        (float("nan"), "–"),
    ],
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 250_000.0, [0.0, 50_000.0, 100_000.0, 150_000.0, 200_000.0, 250_000.0]),
        (-0.3, 0.4, [-0.2, 0.0, 0.2, 0.4]),
    ],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def parsed(svg):
    return ET.fromstring(str(svg))


def corners(svg, kind):
    line = next(item for item in parsed(svg).iter("polyline") if kind in item.get("class"))
    return [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]


def test_line_starts_at_the_axis_and_falls_with_the_values():
    svg = line_chart([Series("training", ((0, 4.0), (10, 2.0), (20, 0.0)), "training")], "x", "y")
    points = corners(svg, "training")
    assert points[0][0] == LEFT
    assert [y for _, y in points] == sorted(y for _, y in points)
    assert points[-1][1] == HEIGHT - BOTTOM


def test_many_points_are_drawn_as_means_over_a_band():
    points = tuple((i, float(i % 2)) for i in range(1000))
    svg = line_chart([Series("training", points, "training")], "x", "y")
    assert len(corners(svg, "training")) <= 120
    assert 'class="band training"' in svg
    assert "band" not in line_chart([Series("a", ((0, 1.0), (1, 2.0)), "training")], "x", "y")


def test_constant_series_is_drawn():
    svg = line_chart([Series("training", ((0, 0.0), (5, 0.0)), "training")], "x", "y")
    assert len(corners(svg, "training")) == 2


def test_label_tells_a_reader_who_sees_nothing_how_it_went():
    svg = line_chart([Series("held-out", ((0, 0.25), (9, 0.5)), "held-out")], "pictures", "recall")
    assert parsed(svg).get("aria-label") == "recall over pictures: held-out from 0.25 to 0.5"


def test_alarm_is_marked_and_escaped():
    points = ((0, 1.0), (100, 2.0))
    svg = line_chart([Series("a", points, "training")], "x", "y", [(50, "loss < 0 & odd")])
    assert "loss &lt; 0 &amp; odd" in svg
    assert re.search(r'class="alarm"', svg)
