"""Counting how often intervals hold the figure."""

import numpy as np
import pytest

from benchmarks.intervals import Case, cases, coverage, main
from trainer.metrics.intervals import Estimate


def test_intervals_that_hold_the_mean_are_counted():
    def draw(rng):
        value = float(rng.normal(5.0, 1.0))
        return {
            "one sigma": Estimate(value, value - 1, value + 1),
            "none": Estimate(value, value + 9, value + 10),
        }

    found = coverage(Case("normal", draw), 2000)
    middle, inside, width = found["one sigma"]
    assert middle == pytest.approx(5.0, abs=0.1)
    assert inside == pytest.approx(0.683, abs=0.04)
    assert width == pytest.approx(2.0)
    assert found["none"][1] == 0.0
    assert coverage(Case("normal", draw, 9.0), 200)["one sigma"][1] < 0.05


def test_the_table_has_a_row_for_each_figure_of_the_data_that_are_asked_for(capsys):
    main(["--runs", "2", "1000 pictures", "labels on 30%"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| share",
        "| average_precision_macro",
        "| average_precision_micro",
        "| f1_macro",
        "| f1_micro",
        "| calibration_error",
    ]
    names = [case.name for case in cases()]
    assert len(set(names)) == len(names) - 2
    assert np.isfinite([case.truth for case in cases() if case.truth is not None]).all()
