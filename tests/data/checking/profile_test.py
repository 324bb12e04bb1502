"""What has changed between two data sets, and when it is too much."""

import json

import numpy as np
import pytest

from data.checking.findings import CheckLimits, Facts
from data.checking.near_duplicates import SIDE
from data.checking.profile import Profile, changes, drift


def facts(number, caption="a red cat", language="en", level=100, attributes=("colour:red",)):
    generator = np.random.default_rng(number)
    look = generator.normal(level, 20, (SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8).tobytes()
    return Facts(str(number), (caption,), (language,), attributes, b"", look)


def profile(count=20, **how):
    return Profile.of({"train": [facts(number, **how) for number in range(count)], "val": []})


def checks(before, after, **limits):
    return {one.check: one for one in drift(before, after, CheckLimits(**limits))}


def test_a_profile_survives_json():
    made = profile()
    assert Profile.from_json(json.loads(json.dumps(made.to_json()))) == made
    assert made.words == {"a": 20, "red": 20, "cat": 20}
    assert made.looks["brightness"].mean == pytest.approx(100 / 255, abs=0.02)


def test_nothing_has_changed():
    assert list(changes(profile(), profile())) == [] and checks(profile(), profile()) == {}


def test_what_has_changed_is_said():
    after = profile(30, caption="一只猫", language="zh", attributes=("colour:blue",), level=140)
    said = "; ".join(changes(profile(), after))
    for words in (
        "train 20 to 30 pictures",
        "captions in en 100.0% to 0.0%",
        "captions in zh 0.0% to 100.0%",
        "1 new attributes (colour:blue)",
        "1 attributes gone (colour:red)",
        "3 new words, 100.0% of all (一, 只, 猫)",
        "brightness 0.39 to 0.55",
    ):
        assert words in said
    assert "contrast" not in said


@pytest.mark.parametrize(
    ("how", "check", "limit"),
    [
        ({"caption": "a red fox"}, "new_words", {"max_new_words": 0.4}),
        ({"level": 140}, "shifted_looks", {"max_look_shift": 100.0}),
    ],
)
def test_too_much_is_a_finding_and_stops_when_asked(how, check, limit):
    found = checks(profile(), profile(**how))
    assert not found[check].stops and not found["changes"].stops
    assert checks(profile(), profile(**how), stop_on_drift=True)[check].stops
    assert check not in checks(profile(), profile(**how), **limit)


def test_data_without_pictures_have_a_profile():
    assert list(changes(Profile.of({}), Profile.of({}))) == []
