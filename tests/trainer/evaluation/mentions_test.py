import pytest

from trainer.evaluation.inputs import Mentions, language_of, mentions

ATTRIBUTES = (
    "colour:red",
    "articleType:Tshirts",
    "subCategory:Sports Shoes",
    "object:颜色:红",
    "dress",
)


@pytest.mark.parametrize(
    "caption,found",
    [
        ("A RED bike", {"colour:red"}),
        ("a redder bike", set()),
        ("Nike Men's T-Shirt", {"articleType:Tshirts"}),
        ("a sports shoe", {"subCategory:Sports Shoes"}),
        ("shoes for sports", set()),
        ("red, dresses", {"colour:red", "dress"}),
        ("", set()),
    ],
)
def test_english(caption, found):
    assert set(mentions(caption, "en-GB", ATTRIBUTES)) == found


def test_chinese_by_substring():
    assert mentions("一件红裙子", "zh", ATTRIBUTES) == ("object:颜色:红",)
    assert mentions("一件红裙子", "en", ATTRIBUTES) == ()
    assert mentions("一件 red 裙子", "zh-Hans", ATTRIBUTES) == ("colour:red",)


def test_short_words_have_no_plural():
    assert mentions("a gas lamp", "en", ("word:ga",)) == ()
    assert mentions("a bus and ladies", "en", ("object:lady", "object:bus")) == (
        "object:lady",
        "object:bus",
    )


def test_language_of_a_caption():
    assert language_of("红色的圆", ["en", "zh"]) == "zh"
    assert language_of("a red circle", ["zh", "en"]) == "en"
    assert language_of("a red circle", ["zh"]) == "zh"
    assert language_of("", ["de", "zh"]) == "de"


def test_meaning_is_that_of_the_words():
    reader = Mentions()
    assert reader.meaning("A dog runs.", "en") == reader.meaning("a dog  runs", "en")
    assert reader.meaning("A dog runs.", "en") != reader.meaning("a dog ran", "en")
    assert reader.meaning("!", "en") != reader.meaning("?", "en")
