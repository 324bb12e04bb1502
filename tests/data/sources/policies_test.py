"""Each policy does what it says, and what it did is counted."""

import pytest

from data.base.errors import DataError
from data.sources import Limits, Policies, Reject, RejectReport
from data.sources.records import to_row

LIMITS = Limits(max_caption_characters=10)


def row(record, **policies):
    given = {"image": "a.png", "captions": ["a"], "language": "en", **record}
    return to_row("x:1", given, folder="", limits=LIMITS, policies=Policies(**policies))


KEPT = ("key ignored",)
# A faulty record; policies; and the field that shows what became of it, or the reason of a reject.
CASES = [
    ({"captions": ["a", ""]}, {}, ("captions", ("a",), ())),
    ({"captions": ["a", ""]}, {"bad_caption": "drop"}, "empty_caption"),
    ({"captions": ["x" * 12]}, {}, "long_caption"),
    (
        {"captions": ["x" * 12]},
        {"bad_caption": "fill"},
        ("captions", ("x" * 10,), ("caption cut",)),
    ),
    ({"captions": []}, {}, "empty_caption"),
    (
        {"captions": []},
        {"no_caption": "fill", "caption_fill": "a thing"},
        ("captions", ("a thing",), ("caption filled",)),
    ),
    ({"language": None}, {}, ("languages", ("en",), ("language guessed",))),
    ({"language": None}, {"missing_language": "drop"}, "missing_language"),
    (
        {"language": None},
        {"language_fill": "fr"},
        ("languages", ("fr",), ("language filled",)),
    ),
    ({"language": "?"}, {}, "malformed_row"),
    ({"language": "?"}, {"bad_language": "fill"}, ("languages", ("en",), ("language guessed",))),
    ({}, {}, ("attributes", (), ())),
    ({}, {"missing_attributes": "drop"}, "missing_attributes"),
    (
        {},
        {"missing_attributes": "fill", "attributes_fill": ("kind:none",)},
        ("attributes", ("kind:none",), ("attributes filled",)),
    ),
    ({"attributes": 3}, {}, "wrong_type"),
    ({"attributes": 3}, {"bad_attributes": "keep"}, ("attributes", (), ("attributes left out",))),
    (
        {"attributes": 3},
        {"bad_attributes": "fill", "attributes_fill": ("kind:none",)},
        ("attributes", ("kind:none",), ("attributes filled",)),
    ),
    ({"split": "fold"}, {}, "unknown_split"),
    ({"split": "fold"}, {"bad_split": "fill"}, ("split", None, ("split decided by content",))),
    ({"note": 1}, {}, "unknown_key"),
    ({"note": 1}, {"unknown_key": "keep"}, ("captions", ("a",), ("key ignored",))),
    ({"text": "b", "caption": "a"}, {"unknown_key": "keep"}, ("captions", ("a", "a"), KEPT)),
    ({"width": 3, "Source ID": "x", "": 7}, {}, ("captions", ("a",), ())),
    ({"": "a cat"}, {}, "unknown_key"),
]


@pytest.mark.parametrize(("record", "policies", "expected"), CASES, ids=str)
def test_a_policy_decides_what_becomes_of_a_row(record, policies, expected):
    found = row(record, **policies)
    if isinstance(expected, str):
        assert isinstance(found, Reject) and found.reason == expected and found.remedy
    else:
        field, value, mended = expected
        assert (getattr(found, field), found.mended) == (value, mended)


def test_what_was_mended_is_counted():
    report = RejectReport()
    for _ in range(2):
        report.keep(row({"language": None, "note": 1, "other": 2}, unknown_key="keep"))
    assert report.mended == {"language guessed": 2, "key ignored": 4}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"no_caption": "keep"}, "no_caption = 'keep'.*Choose from drop, fill"),
        ({"no_caption": "fill"}, "caption_fill is empty"),
        ({"missing_attributes": "fill"}, "attributes_fill is empty"),
    ],
)
def test_policies_that_cannot_be_are_refused(wrong, words):
    with pytest.raises(DataError, match=words):
        Policies(**wrong)
