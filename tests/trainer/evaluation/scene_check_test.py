import numpy as np
import pytest

from data import scenes
from trainer.evaluation.checks import exact_check
from trainer.evaluation.inputs import decode
from trainer.metrics.recognition import group_of


@pytest.fixture(scope="module")
def records():
    return list(scenes.as_captioned_images(120, 32, seed=5))


@pytest.fixture(scope="module")
def check():
    return exact_check("captioned_scenes")


def _captions(records):
    for record in records:
        for caption, language in zip(record.captions, record.languages, strict=True):
            yield record, caption, language


def test_a_caption_wants_what_the_picture_has(check, records):
    kinds = set()
    for record, caption, language in _captions(records):
        wanted = check.wanted(caption, language, record.attributes)
        assert set(wanted) <= set(record.attributes)
        assert [check.kind(name) for name in wanted[:2]] == ["colour", "shape"]
        assert len({group_of(name) for name in wanted}) == len(wanted) == 3
        kinds.add(check.kind(wanted[2]))
    assert kinds == {"relation", "count"}


def test_first_object_only(check):
    assert check.wanted("A red circle above a blue square.", "en", ()) == (
        "circle colour:red",
        "red shape:circle",
        "circle place:above",
    )
    assert check.wanted("two green stars", "en-GB", ())[-1] == "count:two"
    assert check.wanted("a dog", "en", ()) == ()
    assert check.wanted("un cercle rouge", "fr", ()) == ()


def test_what_is_said_and_meant(check):
    wanted = ("circle colour:red", "circle place:above", "star colour:red")
    caption = "a red circle above a blue square"
    assert check.said(caption, "en", wanted) == set(wanted[:2])
    assert check.said("nonsense", "en", wanted) == set()
    assert check.meaning(caption, "en") == check.meaning("A red disc over a blue square.", "en")
    assert check.meaning(caption, "en") == check.meaning("红色的圆形在蓝色的正方形上面", "zh-Hans")
    assert check.meaning(caption, "en") != check.meaning("a red circle", "en")
    assert check.meaning("no", "en") != check.meaning("sense", "en")


def test_captions_are_right_of_their_own_pictures_only(check, records):
    own = [check.is_right(text, tag, record.attributes) for record, text, tag in _captions(records)]
    assert all(own)
    other = records[1:] + records[:1]
    moved = [
        check.is_right(text, tag, stranger.attributes)
        for (record, text, tag), stranger in zip(
            _captions(records), (one for one in other for _ in one.captions), strict=True
        )
    ]
    assert np.mean(moved) < 0.05
    assert not check.is_right("nonsense", "en", records[0].attributes)


def test_pixels_of_own_and_other_pictures(check, records):
    def sight(record):
        return check.see(decode(record.encoded))

    own, moved = [], []
    for record, stranger in zip(records, records[1:] + records[:1], strict=True):
        own += check.judge(sight(record), record.captions[0], "en").values()
        moved += check.judge(sight(stranger), record.captions[0], "en").values()
    assert np.mean(own) > 0.95
    assert np.mean(moved) < 0.3
    assert check.judge(sight(records[0]), "nonsense", "en") == {}
