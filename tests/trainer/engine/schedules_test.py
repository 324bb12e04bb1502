import numpy as np
import pytest

from trainer.engine.schedules import annealed, ramp, warmup_cosine


def test_it_rises_in_a_line_then_falls_in_half_a_cosine():
    progress = np.linspace(0, 1, 1001)
    rate = np.asarray(warmup_cosine(progress, warmup=0.1, floor=0.2))
    np.testing.assert_allclose(rate[:101], progress[:101] / 0.1, atol=1e-6)
    falling = 0.2 + 0.8 * (1 + np.cos(np.pi * (progress[100:] - 0.1) / 0.9)) / 2
    np.testing.assert_allclose(rate[100:], falling, atol=1e-6)


def test_its_ends():
    rate = warmup_cosine(np.array([0.0, 0.015, 0.03, 1.0, 1.2]))
    np.testing.assert_allclose(rate, [0.0, 0.5, 1.0, 0.05, 0.05], atol=1e-6)


def test_a_ramp_ends_at_its_share_and_none_is_no_ramp():
    found = [float(ramp(np.float32(x), 0.4)) for x in (0.0, 0.1, 0.4, 0.9)]
    np.testing.assert_allclose(found, [0.0, 0.25, 1.0, 1.0], rtol=1e-6)
    assert ramp(0.0, 0.0) == 1.0


@pytest.mark.parametrize("end", [0.5, 1.0, 3.0])
def test_a_weight_is_annealed_by_equal_factors_and_then_stays(end):
    progress = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0], np.float32)
    found = np.asarray(annealed(progress, end))
    np.testing.assert_allclose(found[[0, 4, 5, 6]], [60, end, end, end], rtol=1e-5)
    np.testing.assert_allclose(found[:4] / found[1:5], (60 / end) ** 0.25, rtol=1e-5)


@pytest.mark.parametrize("end", [0.0, 60.0, 100.0])
def test_a_weight_that_cannot_fall_so_far_is_constant(end):
    assert [annealed(progress, end) for progress in (0.0, 0.3, 1.0)] == [end] * 3
