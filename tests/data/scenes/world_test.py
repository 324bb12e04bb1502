import pytest

from data.scenes.world import Claim, ObjectClaim, is_right, named, truth

PAIR = Claim(
    (
        ObjectClaim("red", "circle", "large", "striped", "rolling"),
        ObjectClaim("blue", "square", "small", "plain"),
    ),
    relation="above",
    background="white",
)


def test_attributes_of_two_objects():
    assert PAIR.attributes() == (
        "colour:red",
        "object:circle",
        "circle colour:red",
        "red shape:circle",
        "circle size:large",
        "circle texture:striped",
        "circle action:rolling",
        "colour:blue",
        "object:square",
        "square colour:blue",
        "blue shape:square",
        "square size:small",
        "square texture:plain",
        "circle place:above",
        "square place:below",
        "background:white",
    )


def test_attributes_of_a_count():
    assert "count:three" in Claim((ObjectClaim("red", "star"),), count=3).attributes()


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (Claim((ObjectClaim("red", "circle"), ObjectClaim("blue", "square")), "above"), True),
        (Claim((ObjectClaim("blue", "square"), ObjectClaim("red", "circle")), "below"), True),
        (Claim((ObjectClaim("red", "circle"), ObjectClaim("blue", "square")), "below"), False),
        (Claim((ObjectClaim("blue", "circle"), ObjectClaim("red", "square")), "above"), False),
        (Claim((ObjectClaim("red", "ring"), ObjectClaim("blue", "square")), "above"), False),
        (Claim((ObjectClaim("red", "circle"),), count=1), False),
        (Claim((ObjectClaim("red", "circle"),)), False),
        (Claim((ObjectClaim("red", "circle"), ObjectClaim("blue", "square"))), False),
        (
            Claim((ObjectClaim("red", "circle", "small"), ObjectClaim("blue", "square")), "above"),
            False,
        ),
        (None, False),
    ],
)
def test_a_caption_is_right_if_all_it_says_is_true_and_nothing_is_left_out(said, right):
    assert is_right(said, PAIR.attributes()) is right


def test_truth_tells_which_of_the_claims_hold():
    said = Claim((ObjectClaim("red", "circle", "small"), ObjectClaim("blue", "square")), "above")
    assert [name for name, holds in truth(said, PAIR.attributes()).items() if not holds] == [
        "circle size:small"
    ]


def test_named_tells_what_was_left_out():
    told = named(Claim((ObjectClaim("red", "circle"),), count=1), PAIR.attributes())
    assert told == {
        "object:circle": True,
        "circle colour:red": True,
        "object:square": False,
        "square colour:blue": False,
        "circle place:above": False,
        "square place:below": False,
    }
