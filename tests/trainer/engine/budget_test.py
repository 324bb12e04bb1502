"""The time budget under a clock that only the test moves."""

import numpy as np
import pytest

from trainer.engine.budget import Budget

COMPILE = 12.0


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def train(budget, clock, duration, step=0):
    """Runs steps of duration(elapsed) seconds; returns steps, progress and plan of each."""
    seen, first = [], step
    while not budget.over(step):
        seen.append((step, budget.progress(step), budget.total_steps(step)))
        clock.now += duration(budget.elapsed) + (COMPILE if step == first else 0.0)
        step += 1
    return step, np.array([p for _, p, _ in seen]), [total for *_, total in seen]


def timed(duration, seconds=300.0, elapsed=0.0, step=0):
    clock = Clock()
    budget = Budget(seconds, None, elapsed, clock)
    return (*train(budget, clock, duration, step), budget)


def test_a_steady_rate_is_planned_to_the_deadline():
    steps, progress, totals, budget = timed(lambda _: 0.1)
    assert budget.elapsed == pytest.approx(300, abs=0.2)
    planned = [total for total in totals if total is not None]
    assert len(planned) > 0.98 * steps
    np.testing.assert_allclose(planned, steps, rtol=0.02)
    assert (np.diff(progress) >= 0).all()
    assert progress[0] == 0.0 and progress[-1] == pytest.approx(1, abs=0.01)


def test_compilation_is_no_part_of_the_rate():
    _, _, totals, _ = timed(lambda _: 0.1)
    first = next(total for total in totals if total is not None)
    assert first == pytest.approx((300 - COMPILE) / 0.1, rel=0.02)


@pytest.mark.parametrize(("early", "late"), [(0.1, 0.2), (0.2, 0.1)])
def test_a_rate_that_changes_midway_still_ends_at_the_deadline(early, late):
    steps, progress, totals, budget = timed(lambda elapsed: early if elapsed < 150 else late)
    assert budget.elapsed == pytest.approx(300, abs=0.3)
    assert (np.diff(progress) >= 0).all() and (np.diff(progress) < 0.05).all()
    assert progress[-1] == pytest.approx(1, abs=0.01)
    assert totals[int(0.95 * steps)] == pytest.approx(steps, rel=0.04)


def test_a_training_that_goes_back_some_steps_still_ends_at_the_deadline():
    clock = Clock()
    budget = Budget(300.0, None, 0.0, clock)
    step, back, seen, planned = 0, [], [], 0
    while not budget.over(step):
        seen.append(budget.progress(step))
        clock.now += 0.1
        step += 1
        if back and step == 950:
            planned = budget.total_steps(step)
        if step == 1500 and not back:
            back.append(step)
            step = 900
            budget.rewind(step)
    assert (np.diff(seen) >= 0).all() and (np.diff(seen) < 0.01).all()
    assert seen[-1] == pytest.approx(1, abs=0.01)
    assert planned == pytest.approx(step, rel=0.02)


def test_uneven_steps_end_at_the_deadline():
    draw = np.random.default_rng(0)
    _, progress, _, budget = timed(lambda _: float(draw.exponential(0.5)))
    assert 300 <= budget.elapsed < 305
    assert (np.diff(progress) >= 0).all()
    assert progress[-1] == pytest.approx(1, abs=0.02)


def test_a_budget_shorter_than_the_probe_still_ends():
    steps, progress, _, _ = timed(lambda _: 4.0, seconds=20.0)
    assert steps == 2
    assert (progress == 0).all()


def test_compilation_takes_nothing_from_the_warm_up():
    """Half of this budget compiles, and the rest of it makes 400 steps."""
    clock, compiled = Clock(), {3: 6.0, 7: 6.0, 16: 6.0}
    budget, seen = Budget(60.0, None, 0.0, clock), []
    while not budget.over(len(seen)):
        seen.append(budget.progress(len(seen)))
        clock.now += 0.075 + compiled.get(len(seen) - 1, 0.0) + (COMPILE if len(seen) == 1 else 0)
    assert len(seen) == pytest.approx(400, abs=2)
    expected = np.arange(20) / 400
    np.testing.assert_allclose(seen[5:20], expected[5:], rtol=0.5)
    assert (np.diff(seen) >= 0).all() and (np.diff(seen) < 0.03).all()
    assert seen[-1] == pytest.approx(1, abs=0.01)


def test_time_of_earlier_runs_counts():
    whole, straight, _, _ = timed(lambda _: 0.1)
    steps, progress, _, budget = timed(lambda _: 0.1, elapsed=150.0, step=1380)
    assert budget.elapsed == pytest.approx(300, abs=0.2)
    assert steps == pytest.approx(whole - COMPILE / 0.1, abs=3)
    assert progress[0] == pytest.approx(0.5) and progress[-1] == pytest.approx(1, abs=0.01)
    assert progress[700] == pytest.approx(straight[2080], abs=0.06)


def test_a_spent_budget_has_no_steps_left():
    clock = Clock()
    assert Budget(10.0, None, 10.0, clock).over(5)
    assert not Budget(10.0, None, 9.0, clock).over(5)


def test_fixed_steps_do_not_look_at_the_clock():
    clock = Clock()
    budget = Budget(None, 8, 0.0, clock)
    steps, progress, totals = train(budget, clock, lambda _: 1e6)
    assert steps == 8 and set(totals) == {8}
    np.testing.assert_allclose(progress, np.arange(8) / 8)
    assert budget.progress(8) == 1.0
    assert Budget(None, 8, 1e9, clock).progress(4) == 0.5


def test_time_left():
    clock = Clock()
    assert Budget(None, 100, 0.0, clock).seconds_left(40, rate=2.0) == pytest.approx(30)
    budget = Budget(60.0, None, 20.0, clock)
    clock.now += 15
    assert budget.seconds_left(3, rate=99.0) == pytest.approx(25)
    clock.now += 1000
    assert budget.seconds_left(3, rate=99.0) == 0.0


@pytest.mark.parametrize("arguments", [(None, None), (60.0, 10)])
def test_either_seconds_or_steps_must_be_given(arguments):
    with pytest.raises(ValueError, match="either seconds or steps"):
        Budget(*arguments)
