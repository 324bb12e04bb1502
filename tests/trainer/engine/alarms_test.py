"""What counts as broken: numbers that are none, and explosions; not what losses do anyway."""

import math

import numpy as np
import pytest

from trainer.engine.control import Alarm, LossWatch


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_named(value):
    with pytest.raises(Alarm, match=r"^b, c is not finite$"):
        LossWatch().check({"a": 1.0, "b": value, "c": value})


def test_an_explosion_is_a_hundred_times_what_is_usual():
    watch = LossWatch()
    for _ in range(8):
        watch.check({"a": 5.0, "small": 1e-6})
    watch.check({"a": -499.0, "small": 99.0})
    with pytest.raises(Alarm, match="a exploded to -501 from about 5"):
        watch.check({"a": -501.0, "small": 0.0})


def test_what_falls_from_far_or_drifts_or_is_wild_now_and_then_is_no_explosion():
    rng = np.random.default_rng(0)
    watch = LossWatch()
    for step in range(500):
        watch.check(
            {
                "falling": 1e4 * 0.9**step,
                "drifting": 1.03**step,
                "hinge": float(rng.exponential(0.3)) if step % 50 else 90.0,
            }
        )
