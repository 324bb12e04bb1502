"""From one record to a row: languages, attributes, captions and what is refused."""

import pickle

import pytest

from data.base.errors import DataError
from data.sources.records import clean, guess_language, split_called, to_row
from data.sources.rows import Limits, Policies, Reject, Row


def row(record, **more) -> Row | Reject:
    return to_row("here:1", {"image": "a.png", **record}, folder="f", limits=Limits(), **more)


@pytest.mark.parametrize(
    ("caption", "language"),
    [("a dog", "en"), ("一只狗", "zh"), ("a 狗", "zh"), ("", "en"), ("𠀀", "zh"), ("été", "en")],
)
def test_language_is_guessed_by_script(caption, language):
    assert guess_language(caption) == language


def test_languages_are_given_guessed_or_overridden():
    captions = ["a dog", "一只狗"]
    assert row({"captions": captions}).languages == ("en", "zh")
    assert row({"captions": captions, "language": "fr"}).languages == ("fr", "fr")
    assert row({"captions": captions, "language": ["fr", "ja"]}).languages == ("fr", "ja")
    assert row({"captions": captions, "language": "fr"}, language="de").languages == ("de", "de")


def test_a_dropped_caption_takes_its_own_language_along():
    found = row({"captions": ["a", " ", "b"], "language": ["en", "fr", "de"]})
    assert (found.captions, found.languages) == (("a", "b"), ("en", "de"))
    assert found.dropped == ("empty_caption",)


@pytest.mark.parametrize("language", [["en"], 3, "not a tag", [1, 2]])
def test_languages_that_do_not_fit_are_refused(language):
    assert isinstance(row({"captions": ["a", "b"], "language": language}), Reject)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"baseColour": "Red", "none": None, "size": 3}, ("baseColour:Red", "size:3")),
        ({"colour": ["red", "blue"]}, ("colour:red", "colour:blue")),
        (["colour:red", "colour:red", " "], ("colour:red",)),
        (None, ()),
    ],
)
def test_attributes(given, expected):
    assert row({"caption": "a", "attributes": given}).attributes == expected


@pytest.mark.parametrize("given", ["red", 3, [3], {"colour": {"a": "b"}}, {"colour": [["red"]]}])
def test_attributes_of_a_wrong_type_are_refused(given):
    assert row({"caption": "a", "attributes": given}).reason == "wrong_type"


def test_one_caption_may_stand_alone():
    assert row({"caption": "a"}).captions == row({"captions": "a"}).captions == ("a",)


def test_control_characters_become_blanks():
    assert clean("\x00a\tdog\x1b\n") == "a dog"


def test_the_image_path_is_normal():
    assert row({"image": "./x//y/../a.png", "caption": "a"}).image == "x/a.png"


def test_rows_and_rejects_and_errors_travel_between_workers():
    for each in (
        row({"caption": "a"}),
        row({"caption": 3}),
        DataError("here", "wrong", "Mend it."),
    ):
        copy = pickle.loads(pickle.dumps(each))
        assert copy == each or (str(copy), copy.remedy) == (str(each), each.remedy)
    reject = row({"caption": 3})
    assert Reject.from_json(reject.to_json()) == reject


@pytest.mark.parametrize("twice", [{"file_name": "b.png"}, {"text": "a cat"}])
def test_a_record_with_two_names_for_one_thing_is_refused(twice):
    found = row({"caption": "a dog", **twice})
    assert found.reason == "unknown_key" and "the same as" in found.detail


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("train", ["train", "Training", " restval "]),
        ("val", ["val", "valid", "Validation", "DEV", "development", "eval", "evaluation"]),
        ("test", ["test", "testing"]),
    ],
)
def test_the_usual_names_of_splits(split, names):
    assert {row({"caption": "a", "split": name}).split for name in names} == {split}


@pytest.mark.parametrize("name", ["holdout", "train2", "no", "trainval"])
def test_other_names_of_splits_are_refused_with_what_can_be_typed(name):
    found = row({"caption": "a", "split": name})
    assert found.reason == "unknown_split"
    assert "--set ingest.policies.bad_split=fill" in found.remedy


def test_a_further_key_is_read_over_and_numbered_captions_are_read():
    found = row({"caption_1": "a", "caption_2": "b", "Image-ID": 7, "width": 3})
    assert (found.captions, found.mended) == (("a", "b"), ("language guessed",))


THREE = ("en", "en", "de")


@pytest.mark.parametrize(
    ("record", "captions", "languages"),
    [
        ({"caption_en": "a dog", "caption_de": "ein Hund"}, ("a dog", "ein Hund"), ("en", "de")),
        ({"captions_fr": ["un", "deux"], "text": "a"}, ("a", "un", "deux"), ("en", "fr", "fr")),
        ({"en": "a dog", "zh": None}, ("a dog",), ("en",)),
        ({"en": {"caption": ["a", "b"]}, "de": {"caption": ["c"]}}, ("a", "b", "c"), THREE),
        ({"captions": {"en": ["a", "b"], "zh-CN": "c"}}, ("a", "b", "c"), ("en", "en", "zh-CN")),
        ({"captions": [{"text": "a", "language": "de"}, "b"]}, ("a", "b"), ("de", "en")),
        ({"captions": [{"raw": "a", "lang": "de"}], "language": "fr"}, ("a",), ("de",)),
        ({"caption": "a", "caption_de": "b", "language": "nl"}, ("a", "b"), ("nl", "de")),
        ({"caption_en": "a", "caption_id": "seekor anjing"}, ("a", "seekor anjing"), ("en", "id")),
        ({"caption_en": "a dog", "caption_id": 7}, ("a dog",), ("en",)),
        ({"caption_en": "a dog", "caption_id": "x7"}, ("a dog",), ("en",)),
        ({"captions": '["a", "b"]'}, ("a", "b"), ("en", "en")),
        ({"caption": "[red, blue]"}, ("[red, blue]",), ("en",)),
        ({"caption": "[1, 2]"}, ("[1, 2]",), ("en",)),
    ],
)  # fmt: skip
def test_captions_with_their_own_languages(record, captions, languages):
    found = row(record)
    assert (found.captions, found.languages) == (captions, languages)


def test_a_caption_with_a_language_does_not_want_one_of_the_row():
    policies = Policies(missing_language="drop")
    assert row({"caption_en": "a"}, policies=policies).languages == ("en",)
    assert row({"caption_en": "a", "caption": "b"}, policies=policies).reason == "missing_language"
    assert row({"caption_en": "a"}, language="de").languages == ("de",)
    assert row({"captions": [{"text": "a", "language": 3}]}).reason == "wrong_type"
    assert row({"captions": {"en": "a", "colour": "red"}}).reason == "wrong_type"


@pytest.mark.parametrize(
    ("image", "reason"), [(["b.png"], None), (["b.png", "c.png"], "wrong_type"), ([], "wrong_type")]
)
def test_a_list_of_one_picture_is_that_picture(image, reason):
    found = to_row("here:1", {"images": image, "caption": "a"}, folder="f", limits=Limits())
    assert getattr(found, "reason", None) == reason
    assert reason or found.image == "b.png"


def test_a_picture_in_base64_is_named_and_not_shown_whole():
    found = row({"image": "/9j/" + "A" * 5000, "caption": "a"})
    assert found.reason == "picture_as_text" and len(found.to_json()) < 500


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train2014", "train"),
        ("val_set", "val"),
        ("Test Split", "test"),
        ("testset2020", "test"),
        ("trainval", None),
        ("test1", None),
        ("trainer", None),
    ],
)
def test_splits_with_a_year_or_set_behind(name, split):
    assert split_called(name) == split
