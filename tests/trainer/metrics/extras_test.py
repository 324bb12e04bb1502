import math

import pytest

from trainer.metrics.tokens import Unavailable, load


def test_what_is_there_is_imported():
    assert load("math", "math", "Counting") is math


def test_what_is_not_there_is_named_with_its_remedy():
    with pytest.raises(Unavailable, match=r"Counting needs the package abacus: pip install"):
        load("no_such_module.inside", "abacus", "Counting")
