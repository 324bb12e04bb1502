"""What differs between two runs, and the page that shows it."""

import dataclasses
import re

import pytest

from components.run_report.comparison import Change, changed_settings, moved_figures
from components.run_report.pages import lead, painted_pairs, render_comparison
from components.run_report.report_data import Painted, ReportData
from trainer.metrics.result import Metric

PIXEL = "iVBORw0KGgoAAAANSUhEUg"


def metric(name, value, low=None, high=None, higher=True, **changes):
    made = Metric(name, value, low, high, 100, "test", 0, None, None, higher, "A protocol.")
    return dataclasses.replace(made, **changes).to_json()


def test_settings_that_differ_are_found_at_any_depth():
    before = {"a": {"b": 1, "c": {}, "old": [1]}, "d": None, "same": {"x": 2.0}, "none": None}
    now = {"a": {"b": 2, "c": {"e": True}}, "d": 1e-4, "same": {"x": 2}}
    assert changed_settings(before, now) == (
        Change("a.b", "1", "2"),
        Change("a.c.e", "–", "true"),
        Change("d", "null", "0.0001"),
        Change("a.c", "{}", "–"),
        Change("a.old", "[1]", "–"),
    )
    assert changed_settings(now, now) == ()


@pytest.mark.parametrize(
    ("before", "now", "outcome"),
    [
        (metric("a", 0.5, 0.45, 0.55), metric("a", 0.7, 0.65, 0.75), "better"),
        (metric("a", 0.7, 0.65, 0.75), metric("a", 0.5, 0.45, 0.55), "worse"),
        (metric("a", 0.7, 0.65, 0.75), metric("a", 0.72, 0.68, 0.77), "within noise"),
        (metric("a", 0.1, higher=False), metric("a", 0.2, higher=False), "worse"),
        (metric("a", 0.1, higher=None), metric("a", 0.2, higher=None), "changed"),
        (metric("a", 0.1), metric("a", float("nan")), "not a number"),
        (metric("a", 0.1, extractor="e:1"), metric("a", 0.9, extractor="e:2"), "seen otherwise"),
    ],
)
def test_figures_move_beyond_noise_or_not(before, now, outcome):
    (found,) = moved_figures([before], [now])
    assert found.outcome == outcome


def test_figures_of_one_run_alone_are_told_last():
    found = moved_figures([metric("a", 1), metric("b", 1)], [metric("c", 1), metric("a", 1)])
    assert [(item.name, item.outcome) for item in found] == [
        ("c", "only now"),
        ("a", "within noise"),
        ("b", "only before"),
    ]
    assert lead(found).startswith("Of 1 figures that both runs have")
    assert lead(found).endswith("0 better, 0 worse, 1 within noise.")
    assert lead(found[:1]) == "The runs have no figure in common."


def test_what_changed_without_a_better_direction_is_counted_apart():
    before = [metric("a", 1), metric("b", 1, higher=None)]
    found = moved_figures(before, [metric("a", 2), metric("b", 2, higher=None)])
    assert "1 better, 0 worse, 0 within noise, 1 changed" in lead(found)
    assert "◆ changed" in render_comparison(
        ("first", "second"),
        ReportData("a", metrics=tuple(before)),
        ReportData("b", metrics=(metric("b", 2, higher=None),)),
    )


def painted(caption, *seeds):
    return Painted(caption, "en", seeds, tuple(f"{PIXEL}{seed}" for seed in seeds))


def test_pictures_are_paired_by_caption_and_seed():
    before = ReportData("a", painted=(painted("a cat", 1, 2, 3), painted("a dog", 1)))
    now = ReportData("b", painted=(painted("a <b>", 1), painted("a cat", 3, 4, 1)))
    (pair,) = painted_pairs(before, now)
    assert (pair.caption, pair.seeds) == ("a cat", (3, 1))
    assert pair.sides == ((f"{PIXEL}3", f"{PIXEL}1"), (f"{PIXEL}3", f"{PIXEL}1"))


def test_the_page_holds_settings_figures_and_pictures_and_loads_nothing():
    before = ReportData(
        "a", config={"x": "<i>"}, metrics=(metric("f", 0.5),), painted=(painted("a cat", 1),)
    )
    now = ReportData(
        "b", config={"x": 2}, metrics=(metric("f", 0.7),), painted=(painted("a cat", 1),)
    )
    page = render_comparison(("first", "second"), before, now)
    for words in ("<code>x</code>", "&lt;i&gt;", "▲ better", "a cat", "first", "second"):
        assert words in page
    assert "<i>" not in page
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == 2 and all(source.startswith("data:image/png") for source in sources)
    assert not re.search(r"url\((?!data:)|@import|https?://|<script", page)


def test_runs_without_anything_in_common_say_so():
    page = render_comparison(("a", "b"), ReportData("a"), ReportData("b"))
    for words in ("All settings are the same", "no figure in common", "no caption in common"):
        assert words in page
