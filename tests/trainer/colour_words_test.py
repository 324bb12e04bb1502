import pytest

from trainer.augment import name_colours


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["a", "red", "blue", "black", "circle"], True),
        (["一", "红", "蓝", "绿", "圆"], True),
        (["red", "grey", "蓝"], True),
        (["mr", "brown", "and", "black"], False),
        (["redder", "blues", "greenery"], False),
        ([], False),
    ],
)
def test_three_colours_are_no_coincidence(pieces, expected):
    assert name_colours(pieces) == expected
