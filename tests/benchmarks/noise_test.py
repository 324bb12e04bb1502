"""What `benchmarks.noise` counts as right."""

import numpy as np
import pytest

from benchmarks.noise import in_words, shares
from data.scenes import generate

SCENES = 200


@pytest.fixture(scope="module")
def scenes():
    found = list(generate(SCENES, resolution=32, seed=0))
    pictures = np.stack([image for image, *_ in found])
    return pictures, [captions[0] for _, captions, *_ in found], [one[2][0] for one in found]


def test_real_pictures_are_right(scenes):
    found = shares(*scenes)
    assert {value for value, _ in found.values()} == {1.0}
    asked = {name: count for name, (_, count) in found.items()}
    assert asked["colour"] == asked["shape"] == asked["relation"] + asked["count"] == SCENES
    assert asked["all"] == 3 * SCENES


def test_other_pictures_are_mostly_wrong(scenes):
    pictures, captions, languages = scenes
    found = shares(np.roll(pictures, 1, axis=0), captions, languages)
    assert 0 < found["all"][0] < 0.3


def test_two_objects_are_not_two_of_a_kind(scenes):
    pictures, captions, _ = scenes
    pair = next(row for row, caption in enumerate(captions) if " above " in caption)
    found = shares(pictures[[pair]], ["two red circles"], ["en"])
    assert found["count 2"] == (0.0, 1)


def test_a_line_holds_each_share_and_how_often_it_was_asked():
    assert in_words({"above": (0.5, 4), "all": (0.25, 8)}) == "all 0.250 (8), above 0.500 (4)"
