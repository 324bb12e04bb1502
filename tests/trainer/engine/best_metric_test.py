"""The best held-out figure and the checks since."""

import math

from trainer.engine.control import BestMetric


def seen(best):
    return [int(v.numpy()) for v in (best.best_step, best.checks_without_improvement, best.waited)]


def test_higher_is_better_and_an_equal_is_not():
    best = BestMetric(("f1", True))
    answers = [best.update(step, {"f1": f1}) for step, f1 in ((1, 0.2), (2, 0.2), (3, 0.3))]
    assert answers == [True, False, True] and seen(best) == [3, 0, 0]
    assert not best.update(4, {"f1": math.nan}) and seen(best) == [3, 1, 1]


def test_lower_is_better_where_the_figure_says_so():
    best = BestMetric(("kid", False))
    assert best.update(1, {"kid": 0.5}) and best.update(2, {"kid": 0.4})
    assert not best.update(3, {"kid": 0.45}) and seen(best) == [2, 1, 1]


def test_a_stage_without_a_figure_has_no_best():
    best = BestMetric(None)
    assert not best.update(5, {"f1": 1.0}) and seen(best) == [0, 0, 0]
