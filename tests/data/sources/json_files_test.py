"""JSON files of captions: COCO's, one or several, Karpathy's, and lists of records."""

import json

import pytest

from data.base.errors import DataError
from data.sources import Reject, Row, collect, open_source
from data.sources.opening import looks_like_captions


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
    examples, report, _ = collect(open_source(str(folder)))
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
    elsewhere = folder / "some/where/else"
    elsewhere.parent.mkdir(parents=True)
    (folder / "train2017").rename(elsewhere)
    path = str(folder / "annotations/captions_train2017.json")
    with pytest.raises(DataError, match="none of its first images") as caught:
        list(open_source(path).rows())
    assert "ingest.images" in caught.value.remedy
    (row,) = open_source(path, images=str(elsewhere)).rows()
    assert row.folder == str(elsewhere)


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
    [("{", "not UTF-8 JSON"), ('{"info": 1}', "images and annotations"), ("[]", "no record")],
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


@pytest.mark.parametrize("name", ["a\0b.png", "a\ud800.png", "\x01"])
def test_a_name_that_no_file_can_have_is_one_reject(coco, name):
    folder = coco(train2017=(images(1), said((1, "one"))))
    path = folder / "annotations/captions_train2017.json"
    content = json.loads(path.read_text())
    content["images"].insert(0, {"id": 2, "file_name": name})
    content["annotations"].append({"image_id": 2, "caption": "two"})
    path.write_text(json.dumps(content))
    reject, row = open_source(str(path)).rows()
    assert isinstance(row, Row) and isinstance(reject, Reject)
    assert reject.where == "captions_train2017.json:images[0]"
    assert reject.reason in ("malformed_row", "invalid_utf8")


def written(folder, name, content, *pictures):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    for picture in pictures:
        (folder / picture).parent.mkdir(parents=True, exist_ok=True)
        (folder / picture).touch()
    return list(open_source(str(folder)).rows())


def test_karpathys_splits(tmp_path):
    listed = [
        {
            "filepath": "val2014",
            "filename": f"{split}.png",
            "split": split,
            "sentids": [0, 1],
            "imgid": 0,
            "cocoid": 7,
            "sentences": [{"raw": text, "tokens": [text], "imgid": 0} for text in ("one", "two")],
        }
        for split in ("train", "restval", "val", "test")
    ]
    content = {"images": listed, "dataset": "coco"}
    found = written(tmp_path, "dataset_coco.json", content, "val2014/train.png")
    assert [row.split for row in found] == ["train", "train", "val", "test"]
    assert found[0].captions == ("one", "two") and found[0].image == "val2014/train.png"
    assert found[0].where == "dataset_coco.json:images[0]"


def test_karpathys_pictures_may_lie_in_a_folder_beside(tmp_path):
    listed = [{"filename": "1.png", "split": "val", "sentences": [{"raw": "one"}], "sentids": [0]}]
    (row,) = written(tmp_path, "dataset_flickr8k.json", {"images": listed}, "Images/1.png")
    assert (row.folder, row.image) == (str(tmp_path / "Images"), "1.png")


@pytest.mark.parametrize(
    "content",
    [
        [{"image": "x/1.png", "caption": "one", "image_id": "coco_1"}] * 2,
        [{"image": "x/1.png", "caption": ["one", "one"], "image_id": "coco_1"}],
        {"annotations": [{"image": "x/1.png", "caption": "one"}] * 2},
        {"data": [{"image_path": "x/1.png", "text": "one"}] * 2},
        {"x/1.png": ["one", "one"]},
        {"x/1.png": {"captions": ["one", "one"]}},
    ],
)
def test_lists_and_objects_of_records(tmp_path, content):
    (row,) = written(tmp_path, "captions.json", content, "x/1.png")
    assert (row.image, row.captions) == ("x/1.png", ("one", "one"))


def test_the_first_answer_of_a_conversation_is_the_caption(tmp_path):
    turns = [
        {"from": "human", "value": "<image>\nWhat is it?"},
        {"from": "gpt", "value": "A red square."},
        {"from": "human", "value": "Of which colour?"},
        {"from": "gpt", "value": "Red."},
    ]
    content = [
        {"id": "0", "image": "1.png", "conversations": turns},
        {"id": "1", "conversations": turns[:2]},
        {"image": "2.png", "messages": [{"role": "assistant", "content": "A dog."}]},
        {"image": "3.png", "conversations": [{"from": "human", "value": "What is it?"}]},
        {"image": "4.png", "conversations": ["A dog."]},
    ]
    found = written(tmp_path, "llava.json", content, "1.png")
    assert found[0].captions == ("A red square.",) and "later answer left out" in found[0].mended
    assert found[2].captions == ("A dog.",)
    assert [each.reason for each in found if isinstance(each, Reject)] == [
        "malformed_row",
        "empty_caption",
        "wrong_type",
    ]
    assert found[1].where == "llava.json:[1]"


def test_one_list_for_each_split(tmp_path):
    for split in ("val", "test", "train"):
        record = {"image": f"{split}.png", "caption": split}
        written(tmp_path, f"annotations/coco_karpathy_{split}.json", [record], f"{split}.png")
    rows = list(open_source(str(tmp_path)).rows())
    assert {row.image: row.split for row in rows} == {
        "test.png": "test",
        "train.png": "train",
        "val.png": "val",
    }


def test_json_lines_may_be_called_json(tmp_path):
    (tmp_path / "captions.json").write_text(
        '\ufeff{"image": "1.png", "caption": "one"}\n{"image": "2.png", "caption": "two"}\n'
    )
    (tmp_path / "1.png").touch()
    found = list(open_source(str(tmp_path)).rows())
    assert [(row.where, row.captions) for row in found] == [
        ("captions.json:1", ("one",)),
        ("captions.json:2", ("two",)),
    ]


def test_a_list_may_be_called_jsonl(tmp_path):
    content = [{"image": f"{n}.png", "caption": f"a {n}"} for n in range(2)]
    (tmp_path / "captions.jsonl").write_text(json.dumps(content, indent=1))
    assert [row.captions for row in open_source(str(tmp_path)).rows()] == [("a 0",), ("a 1",)]


@pytest.mark.parametrize("name", ["captions.json", "meta_lat.json"])
@pytest.mark.parametrize("ending", ["", ".png"])
def test_kohyas_captions_and_tags(tmp_path, picture, name, ending):
    said = {
        f"0{ending}": {"caption": "a dog", "tags": "1dog, solo", "train_resolution": [64, 64]},
        f"1{ending}": {"tags": "1cat"},
        f"2{ending}": {"caption": "a bird"},
        f"3{ending}": {"caption": "a cow", "tags": 3},
    }
    (tmp_path / name).write_text(json.dumps(said))
    # What an earlier step of the same scripts wrote.
    (tmp_path / "meta_cap.json").write_text(json.dumps({"0": {"caption": "a dog"}}))
    for place in range(4):
        (tmp_path / f"{place}.png").write_bytes(picture(place))
    source = open_source(str(tmp_path))
    found = [row.captions if isinstance(row, Row) else row.reason for row in source.rows()]
    assert found == [("a dog, 1dog, solo",), ("1cat",), ("a bird",), "unknown_key"]
    kept, report, _ = collect(source)
    assert len(kept) == 3 and len(report.rejects) == 1


def test_records_by_number_and_by_split(tmp_path, picture):
    for place in range(3):
        (tmp_path / f"{place}.png").write_bytes(picture(place))
    numbered = {str(place): {"filename": f"{place}.png", "caption": "a"} for place in range(3)}
    (tmp_path / "swap.json").write_text(json.dumps(numbered))
    found = list(open_source(str(tmp_path)).rows())
    assert [(row.where, row.image) for row in found] == [
        (f"swap.json:{place}", f"{place}.png") for place in range(3)
    ]
    by_split = {
        "train": [
            {"image": "0.png", "caption": "a"},
            {"image": "1.png", "caption": "b", "split": "val"},
        ],
        "test2014": [{"image": "2.png", "caption": "c"}],
        "val": [7],
    }  # fmt: skip
    (tmp_path / "captions.json").write_text(json.dumps(by_split))
    found = list(open_source(str(tmp_path)).rows())
    assert {row.image: row.split for row in found if isinstance(row, Row)} == {
        "0.png": "train", "1.png": "val", "2.png": "test"
    }  # fmt: skip
    assert [row.where for row in found if isinstance(row, Reject)] == ["captions.json:val[0]"]


def test_textcaps_and_diffusiondb(tmp_path, picture):
    for place in range(2):
        (tmp_path / f"{place}.png").write_bytes(picture(place))
    record = {
        "image_id": "0", "image_name": "0", "image_path": "train/0.jpg", "set_name": "train",
        "caption_str": "a dog", "reference_strs": ["a dog", "a cat"], "caption_id": 3,
    }  # fmt: skip
    (tmp_path / "TextCaps_0.1_train.json").write_text(json.dumps({"data": [record]}))
    (row,) = open_source(str(tmp_path)).rows()
    assert (row.image, row.captions, row.split) == ("0", ("a dog",), "train")
    (tmp_path / "TextCaps_0.1_train.json").unlink()
    made = {"1.png": {"p": "a prompt", "se": 1, "c": 7.0, "st": 50, "sa": "k_lms"}}
    (tmp_path / "part-000001.json").write_text(json.dumps(made))
    (row,) = open_source(str(tmp_path)).rows()
    assert (row.image, row.captions) == ("1.png", ("a prompt",))


def test_a_description_of_columns_is_no_caption_file(tmp_path, picture):
    """As datasets' dataset_info.json is."""
    features = {"image": {"_type": "Image"}, "text": {"dtype": "string", "_type": "Value"}}
    path = tmp_path / "dataset_info.json"
    path.write_text(json.dumps({"description": "", "features": features}))
    assert not looks_like_captions(str(path))
    (tmp_path / "0.png").write_bytes(picture(0))
    with pytest.raises(DataError, match="no caption file"):
        open_source(str(tmp_path))
