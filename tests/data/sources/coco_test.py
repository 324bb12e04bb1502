"""COCO captions files, one or several, with their pictures beside them or elsewhere."""

import json

import pytest

from data.errors import DataError
from data.sources import Reject, Row, collect, open_source


@pytest.fixture
def coco(tmp_path, picture):
    """Makes the usual tree: annotations/captions_SPLIT.json and a folder of pictures for each."""

    def make(**splits):
        (tmp_path / "annotations").mkdir()
        for seed, (split, (images, annotations)) in enumerate(splits.items()):
            content = {"info": {}, "images": images, "annotations": annotations}
            (tmp_path / f"annotations/captions_{split}.json").write_text(json.dumps(content))
            (tmp_path / split).mkdir()
            for image in images:
                name = tmp_path / split / image["file_name"]
                name.write_bytes(picture(100 * seed + image["id"]))
        return tmp_path

    return make


def images(*ids):
    return [{"id": each, "file_name": f"{each:03}.png"} for each in ids]


def said(*pairs):
    return [{"id": place, "image_id": i, "caption": text} for place, (i, text) in enumerate(pairs)]


def test_captions_are_gathered_by_image(coco):
    folder = coco(train2017=(images(1, 2), said((2, "two"), (1, "one"), (2, "zwei"))))
    examples, report = collect(open_source(str(folder)))
    found = {example.image_id: example.captions for example in examples}
    assert found == {"001.png": ("one",), "002.png": ("two", "zwei")}
    assert not report.rejects


def test_one_file_is_split_by_content_and_several_by_their_names(coco):
    folder = coco(train2017=(images(1), said((1, "one"))), val2017=(images(2), said((2, "two"))))
    both = open_source(str(folder))
    assert [row.split for row in both.rows()] == ["train", "val"]
    one = open_source(str(folder / "annotations/captions_train2017.json"))
    assert [row.split for row in one.rows()] == [None]


def test_a_split_on_the_image_counts(coco):
    folder = coco(train2017=([{**images(1)[0], "split": "test"}], said((1, "one"))))
    assert [row.split for row in open_source(str(folder)).rows()] == ["test"]


def test_pictures_are_found_beside_or_where_they_are_said_to_be(coco):
    folder = coco(train2017=(images(1), said((1, "one"))))
    (folder / "train2017").rename(folder / "elsewhere")
    path = str(folder / "annotations/captions_train2017.json")
    with pytest.raises(DataError, match="none of its first images") as caught:
        list(open_source(path).rows())
    assert "`images`" in caught.value.remedy
    (row,) = open_source(path, images=str(folder / "elsewhere")).rows()
    assert row.folder == str(folder / "elsewhere")


def test_faulty_entries_are_rejected_one_by_one(coco):
    folder = coco(train2017=(images(1, 2), said((1, "one"), (2, "two"))))
    path = folder / "annotations/captions_train2017.json"
    content = json.loads(path.read_text())
    content["images"] += [{"id": 3, "file_name": "003.png"}, {"id": [4]}, "five", {"id": 6}]
    content["annotations"] += [
        {"image_id": 77, "caption": "x"},
        {"image_id": 1, "caption": None},
        3,
        {"image_id": 6, "caption": "six"},
    ]
    path.write_text(json.dumps(content))
    found = list(open_source(str(path)).rows())
    name = "captions_train2017.json"
    assert [(each.where, each.reason) for each in found if isinstance(each, Reject)] == [
        (f"{name}:annotations[2]", "unknown_image"),
        (f"{name}:annotations[3]", "wrong_type"),
        (f"{name}:annotations[4]", "wrong_type"),
        (f"{name}:images[2]", "empty_caption"),
        (f"{name}:images[3]", "wrong_type"),
        (f"{name}:images[4]", "wrong_type"),
        (f"{name}:images[5]", "wrong_type"),
    ]
    assert [row.image_id for row in found if isinstance(row, Row)] == ["001.png", "002.png"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [("{", "not UTF-8 JSON"), ("[]", "images and annotations"), ('{"images": []}', "annotations")],
)
def test_other_json_is_refused(tmp_path, content, problem):
    (tmp_path / "data.json").write_text(content)
    with pytest.raises(DataError, match=problem) as caught:
        list(open_source(str(tmp_path / "data.json")).rows())
    assert caught.value.where.endswith("data.json")


def test_the_fingerprint_changes_with_a_picture(coco, picture):
    folder = coco(train2017=(images(1), said((1, "one"))))
    before = open_source(str(folder)).fingerprint()
    assert open_source(str(folder)).fingerprint() == before
    (folder / "train2017/001.png").write_bytes(picture(9, side=17))
    assert open_source(str(folder)).fingerprint() != before
