"""Parallel coordinates: where axes put their values, and what the picture draws."""

import itertools
import xml.etree.ElementTree as ET

import pytest

from components.run_report.tuning_view import (
    ROW,
    SIDE,
    WIDTH,
    Axis,
    choice_axis,
    parallel_coordinates,
    range_axis,
)


def test_a_linear_axis_is_even_and_marks_its_ends():
    axis = range_axis("a", [0.0, 5.0, None, 10.0], (0.0, 10.0))
    assert axis.places == (0.0, 0.5, None, 1.0)
    assert dict(axis.marks)[0.0] == "0" and dict(axis.marks)[1.0] == "10"


def test_a_log_axis_is_even_in_orders_of_magnitude():
    axis = range_axis("a", [1e-4, 1e-3, 1e-2], (1e-4, 1e-2), log=True)
    assert axis.places == pytest.approx((0.0, 0.5, 1.0))
    assert {text: place for place, text in axis.marks}["0.001"] == pytest.approx(0.5)


def test_marks_never_run_into_each_other():
    for log in (False, True):
        places = sorted(place for place, _ in range_axis("a", [], (0.9, 1000.0), log=log).marks)
        assert len(places) >= 3
        assert all(b - a >= 0.13 - 1e-9 for a, b in itertools.pairwise(places))


def test_the_ends_labels_which_stand_inwards_have_more_room():
    places = sorted(place for place, _ in range_axis("a", [], (1e-4, 1e-2), log=True).marks)
    assert places[1] >= 0.18 and places[-2] <= 0.82


def test_equal_values_lie_in_the_middle():
    assert range_axis("a", [2.0, 2.0], (2.0, 2.0)).places == (0.5, 0.5)
    assert range_axis("a", [0.0], (0.0, 0.0)).places == (0.5,)


def test_choices_are_evenly_apart_and_named():
    axis = choice_axis("a", ["gru", "cnn"], ["cnn", "gru"], note="best gru")
    assert axis.places == (0.75, 0.25) and axis.marks == ((0.25, "cnn"), (0.75, "gru"))
    assert [text for _, text in choice_axis("a", [], [True, False], note="").marks] == [
        "true",
        "false",
    ]


def drawn():
    axes = [
        Axis("width", "best 8", ((0.0, "4"), (1.0, "8")), (0.0, 0.5, 1.0)),
        Axis("<kid>", "", (), (None, 0.5, 0.0)),
    ]
    svg = parallel_coordinates(axes, ["failed", "trial", "best"], 'a "label"')
    return ET.fromstring(str(svg))


def test_each_trial_is_a_line_and_a_failed_one_ends_before_the_figure():
    lines = {
        item.get("class").split()[1]: [
            tuple(map(float, pair.split(","))) for pair in item.get("points").split()
        ]
        for item in drawn().iter("polyline")
    }
    assert list(lines) == ["failed", "trial", "best"]
    assert [len(points) for points in lines.values()] == [1, 2, 2]
    (x, y), (x_below, y_below) = lines["best"]
    assert (x, x_below, y_below - y) == (WIDTH - SIDE, SIDE, ROW)


def test_the_best_line_is_dotted_and_words_are_escaped():
    picture = drawn()
    assert len(list(picture.iter("circle"))) == 2
    words = [item.text for item in picture.iter("text")]
    assert {"width", "best 8", "4", "8", "<kid>", "✗"} <= set(words)
    assert picture.get("aria-label") == 'a "label"'
    assert not list(picture.iter("script"))
