"""Each check on data that is as it should be, and on data with one fault."""

import dataclasses
import hashlib
import json

import pytest

from data.base.errors import DataError
from data.checking.checks import run_all, sizes
from data.checking.findings import CheckLimits, Facts
from data.checking.near_duplicates import SIDE

COLOURS = ("red", "green", "blue")


def _look(name):
    """Returns a thumbnail that shows noise of its own."""
    made = hashlib.shake_128(name.encode())
    return made.digest(SIDE * SIDE * 3)


def _facts(split, number, **changes):
    colour = COLOURS[number % 3]
    name = f"{split}-{number}"
    made = Facts(
        image_id=name,
        captions=(f"A {colour} cat, number {name}", f"{colour}猫{name}"),
        languages=("en", "zh"),
        attributes=(f"colour:{colour}", "animal:cat" if number % 4 else "animal:cats"),
        content=name.encode(),
        look=_look(name),
    )
    return dataclasses.replace(made, **changes)


@pytest.fixture
def splits():
    """Sound data: 90 pictures in train, 30 in val and in test."""
    counts = {"train": 90, "val": 30, "test": 30}
    return {split: [_facts(split, n) for n in range(count)] for split, count in counts.items()}


def _run(splits, **limits):
    return {one.check: one for one in run_all(splits, CheckLimits(**limits))}


def test_sound_data_passes(splits):
    assert _run(splits) == {}


def test_a_missing_and_a_small_split(splits):
    del splits["val"]
    splits["test"] = splits["test"][:3]
    found = list(sizes(splits, CheckLimits()))
    assert [one.what for one in found] == [
        "val has 0 pictures, fewer than 8",
        "test has 3 pictures, fewer than 8",
    ]
    assert all(one.stops for one in found)


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("unpaired_language", {"languages": ("en",)}),
        ("empty_caption", {"captions": (" . ", "猫")}),
        ("repeated_name", {"image_id": "train-1"}),
        ("undecodable_picture", {"look": b""}),
        ("leaked_picture", {"content": b"train-1"}),
        ("unseen_language", {"languages": ("en", "de")}),
    ],
)
def test_one_bad_picture_stops(splits, check, changes):
    splits["test"][5] = _facts("test", 5, **changes)
    found = _run(splits)
    assert set(found) == {check}
    assert found[check].stops
    assert "test" in found[check].what or check == "repeated_name"


def test_broken_pictures_are_not_called_alike(splits):
    for split in splits:
        splits[split][0] = _facts(split, 0, look=b"")
    assert set(_run(splits)) == {"undecodable_picture"}


def test_one_caption_for_many_pictures(splits):
    for number in range(20):
        splits["train"][number] = _facts("train", number, captions=("Image.", f"red 猫{number}"))
    found = _run(splits)["one_caption"]
    assert found.stops and "20 of 90 pictures of train have the caption 'image'" in found.what
    assert "one_caption" not in _run(splits, max_caption_share=0.3)


def test_pictures_without_a_caption_of_their_own_are_a_warning(splits):
    for number in range(60):
        splits["train"][number] = _facts("train", number, captions=(f"cat {number % 15}", "猫"))
    found = _run(splits, max_caption_share=0.7)["ambiguous_captions"]
    assert not found.stops and found.what.startswith("60 of 90")


def test_language_tags_that_do_not_fit_the_script(splits):
    splits["train"][0] = _facts("train", 0, languages=("zh", "zh"))
    few = _run(splits)["language_tag"]
    assert not few.stops and "1 of 151 captions tagged 'zh'" in few.what
    for split, rows in splits.items():
        splits[split] = [dataclasses.replace(row, languages=("zh", "zh")) for row in rows]
    assert _run(splits)["language_tag"].stops


def test_similar_pictures_are_a_warning(splits):
    splits["test"][0] = _facts("test", 0, look=splits["train"][3].look)
    found = _run(splits)["similar_pictures"]
    assert not found.stops and "1 of 30 pictures of test" in found.what


def test_two_values_of_an_exclusive_group(splits):
    splits["val"][0] = _facts("val", 0, attributes=("colour:red", "colour:blue", "animal:cat"))
    found = _run(splits)["attribute_contradiction"]
    assert not found.stops and "1 pictures have several values of 'colour'" in found.what


def test_a_group_of_many_values_is_no_contradiction(splits):
    for number in range(10):
        both = ("colour:red", "colour:blue", "animal:cat")
        splits["val"][number] = _facts("val", number, attributes=both)
    assert "attribute_contradiction" not in _run(splits)


def test_attributes_that_slipped_by_one_row(splits):
    for split, rows in splits.items():
        turned = [*rows[1:], rows[0]]
        splits[split] = [
            dataclasses.replace(row, attributes=other.attributes)
            for row, other in zip(rows, turned, strict=True)
        ]
    found = _run(splits)
    assert set(found) == {"captions_beside_attributes"}
    assert found["captions_beside_attributes"].stops


def test_near_copies_within_a_split(splits):
    splits["train"][7] = _facts("train", 7, look=splits["train"][3].look)
    found = _run(splits)["near_duplicates"]
    assert not found.stops and "2 of 90 pictures of train" in found.what
    assert found.rows == ("train-3", "train-7")


def test_near_copies_with_other_attributes(splits):
    # Numbers 3 and 6 are red, 7 is green.
    for number in (3, 6, 7):
        splits["train"][number] = _facts("train", number, look=splits["train"][3].look)
    found = _run(splits)["contradicting_copies"]
    assert not found.stops and "train-7 and train-3 in 'colour'" in found.what
    assert found.rows == ("train-7",)


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        ("a <b>red</b> cat", "hold markup"),
        ("a cat &amp; a dog", "hold markup"),
        ("see https://example.org", "hold a web address"),
        ("DSC_0001.JPG", "are the name of a file"),
        ("a cafÃ\u00a9", "were read in a wrong encoding"),
        ("a \ufffd cat", "were read in a wrong encoding"),
        ("?! --", "hold no word"),
        ("N/A", "are placeholders"),
        ("Untitled.", "are placeholders"),
    ],
)
def test_captions_that_say_nothing_or_were_damaged(splits, caption, said):
    splits["val"][2] = _facts("val", 2, captions=(caption, "猫"))
    found = _run(splits)
    assert set(found) == {"odd_caption"} and not found["odd_caption"].stops
    assert f"1 captions {said}" in found["odd_caption"].what
    assert found["odd_caption"].rows == ("val-2",)


@pytest.mark.parametrize("caption", ["a < b cat > c", "café", "Âge", "1,2", "image of a cat"])
def test_captions_that_only_look_odd(splits, caption):
    splits["val"][2] = _facts("val", 2, captions=(caption, "猫"))
    assert _run(splits) == {}


def test_a_caption_that_stands_twice_on_one_picture(splits):
    changed = {"captions": ("A cat.", "a  cat"), "languages": ("en", "en")}
    splits["val"][2] = _facts("val", 2, **changed)
    assert _run(splits)["repeated_caption"].rows == ("val-2",)


def test_attributes_in_two_spellings(splits):
    splits["val"][2] = _facts("val", 2, attributes=("Colour: blue", "animal:cat"))
    splits["val"][5] = _facts("val", 5, attributes=("colour:BLUE", "animal:cat"))
    found = _run(splits)["label_spelling"]
    assert "colour:blue and colour:BLUE" in found.what and found.rows == ("val-5",)


def test_an_attribute_that_train_never_shows(splits):
    splits["test"][2] = _facts("test", 2, attributes=("colour:mauve",))
    found = _run(splits)["unseen_label"]
    assert not found.stops and "1 attributes of test" in found.what and "mauve" in found.what


def test_a_value_that_nearly_all_pictures_have(splits):
    for split, rows in splits.items():
        splits[split] = [
            dataclasses.replace(row, attributes=(f"kind:{'b' if number == 1 else 'a'}",))
            for number, row in enumerate(rows)
        ]
    assert (
        "147 of 150 pictures with 'kind' have the value 'a'" in _run(splits)["label_balance"].what
    )
    assert "label_balance" not in _run(splits, max_value_share=0.99)


def test_limits_survive_json_and_refuse_typos():
    limits = CheckLimits(min_pictures=3)
    assert CheckLimits.from_mapping(json.loads(limits.to_json())) == limits
    with pytest.raises(DataError, match="'min_picture' is not known"):
        CheckLimits.from_mapping({"min_picture": 3})
    with pytest.raises(DataError, match="max_caption_share = 3"):
        CheckLimits(max_caption_share=3)


def _said(splits, caption, tags=("en",)):
    """Replaces the captions of half of the pictures."""
    return {
        split: [
            dataclasses.replace(
                row, captions=(f"{caption} {place}",), languages=(tags[place % len(tags)],)
            )
            if place % 2
            else row
            for place, row in enumerate(rows)
        ]
        for split, rows in splits.items()
    }


@pytest.mark.parametrize(
    ("caption", "tags", "told"),
    [
        ("赤い帽子をかぶった猫", ("zh", "en"), "ja"),
        ("Ein Hund mit einem Ball auf der Wiese", ("en",), "de"),
        ("Кошка сидит на столе", ("en",), "ru"),
    ],
)
def test_other_languages_are_told_with_the_setting_that_helps(splits, caption, tags, told):
    found = _run(_said(splits, caption, tags))["other_language"]
    assert not found.stops and f"--set ingest.language={told}" in found.remedy
    assert len(found.rows) == 20


def test_captions_with_the_tag_of_their_language_are_not_told(splits):
    assert "other_language" not in _run(_said(splits, "Ein Hund mit einem Ball", ("de",)))


def test_a_few_captions_in_another_language_are_not_told(splits):
    splits["train"][0] = _facts("train", 0, captions=("猫がいる", "赤い猫"))
    assert "other_language" not in _run(splits)


def test_the_remedies_of_small_splits_suffice(splits):
    few = {"train": splits["train"][:50], "val": splits["val"][:2], "test": splits["test"][:8]}
    (found,) = sizes(few, CheckLimits())
    assert "--set ingest.resplit=true --set 'ingest.shares=[0.72,0.14,0.14]'" in found.remedy
    tiny = {"train": splits["train"][:9], "val": splits["val"][:2], "test": splits["test"][:3]}
    assert "gate.min_pictures=2" in next(sizes(tiny, CheckLimits())).remedy
    assert "24" in next(sizes({"train": tiny["train"]}, CheckLimits())).remedy


def test_the_caption_of_one_picture_is_not_shared(splits):
    splits["val"] = splits["val"][:2]
    found = list(run_all(splits, CheckLimits(min_pictures=2)))
    assert "one_caption" not in {one.check for one in found}
    same = [
        dataclasses.replace(row, captions=("a cat",), languages=("en",)) for row in splits["val"]
    ]
    found = list(run_all({**splits, "val": same}, CheckLimits(min_pictures=2)))
    assert "one_caption" in {one.check for one in found}
