"""The best held-out figure and the checks since."""

import math

from trainer.heldout import HeldOut


def seen(held_out):
    return [int(v.numpy()) for v in (held_out.best_step, held_out.stale, held_out.waited)]


def test_higher_is_better_and_an_equal_is_not():
    held_out = HeldOut(("f1", True))
    answers = [held_out.see(step, {"f1": f1}) for step, f1 in ((1, 0.2), (2, 0.2), (3, 0.3))]
    assert answers == [True, False, True] and seen(held_out) == [3, 0, 0]
    assert not held_out.see(4, {"f1": math.nan}) and seen(held_out) == [3, 1, 1]


def test_lower_is_better_where_the_figure_says_so():
    held_out = HeldOut(("kid", False))
    assert held_out.see(1, {"kid": 0.5}) and held_out.see(2, {"kid": 0.4})
    assert not held_out.see(3, {"kid": 0.45}) and seen(held_out) == [2, 1, 1]


def test_a_stage_without_a_figure_has_no_best():
    held_out = HeldOut(None)
    assert not held_out.see(5, {"f1": 1.0}) and seen(held_out) == [0, 0, 0]
