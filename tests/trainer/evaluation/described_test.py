from trainer.evaluation.inputs import Described, describe, one_each

PICTURES = [b"1", b"2", b"3"]
TAGS = [["en", "en", "zh"], ["zh"], ["de"]]


class Told:
    """Says the picture's name in the language that it is asked for."""

    def __init__(self, *languages):
        self.languages = languages

    def __call__(self, pictures, language=None):
        word = {"zh": "图", "de": "Bild"}.get(language, "picture")
        return [f"{word} {picture.decode()}" for picture in pictures]


def test_every_picture_is_described_in_the_languages_that_are_wanted_and_known():
    assert describe(Told("zh", "en"), PICTURES, TAGS, TAGS) == [
        Described(0, "zh", "图 1"),
        Described(0, "en", "picture 1"),
        Described(1, "zh", "图 2"),
        Described(2, "zh", "图 3"),
    ]
    assert describe(Told("de"), PICTURES[2:], TAGS[2:], TAGS[2:]) == [Described(0, "de", "Bild 3")]


def test_of_a_captioner_that_takes_no_wishes_the_language_is_guessed():
    found = describe(Told(), PICTURES, TAGS, [["zh"]] * 3)
    assert [(one.row, one.language) for one in found] == [(0, "en"), (1, "zh"), (2, "de")]
    assert found[0].text == "picture 1"


def test_one_caption_of_each_picture_is_that_in_the_wanted_language_or_the_first():
    said = describe(Told("zh", "en"), PICTURES, TAGS, TAGS)
    chosen = [one.text for one in one_each(said, ["en", "en", "fr"])]
    assert chosen == ["picture 1", "图 2", "图 3"]
    assert one_each(said, ["zh", "zh", "zh"])[0].text == "图 1"
