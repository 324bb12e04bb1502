"""Captioned folders: which files are read, how rows of one image come together, fingerprints."""

import os

import pytest

from data.base import files
from data.base.errors import DataError
from data.sources import Limits, Reject, captioned_folder, open_source

DOG = {"image": "0.png", "captions": ["a dog"]}
CAT = {"image": "1.png", "captions": ["a cat"]}
GOU = {"image": "./0.png", "captions": ["一只狗"], "attributes": ["object:dog"]}


def write_chinese(folder, *records):
    import json

    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "captions_zh.jsonl").write_text(lines, encoding="utf-8")


def test_the_default_is_captions_jsonl_alone(captioned):
    folder = captioned([DOG, CAT])
    write_chinese(folder, GOU)
    found = list(open_source(str(folder)).rows())
    assert [row.captions for row in found] == [("a dog",), ("a cat",)]
    assert [row.where for row in found] == ["captions.jsonl:1", "captions.jsonl:2"]


@pytest.mark.parametrize("pattern", ["captions*.jsonl", "captions.jsonl, captions_zh.jsonl"])
def test_several_files_are_merged_by_image(captioned, pattern):
    folder = captioned([DOG, CAT])
    write_chinese(folder, GOU)
    first, second = open_source(str(folder), files_pattern=pattern).rows()
    assert first.captions == ("a dog", "一只狗")
    assert first.languages == ("en", "zh")
    assert first.attributes == ("object:dog",)
    assert second.captions == ("a cat",)


def test_metadata_is_read_where_there_are_no_captions(captioned):
    folder = captioned([DOG])
    (folder / "metadata.csv").write_text("file_name,text\n1.png,a cat\n")
    assert [row.captions for row in open_source(str(folder)).rows()] == [("a dog",)]
    (folder / "captions.jsonl").unlink()
    assert [row.captions for row in open_source(str(folder)).rows()] == [("a cat",)]


def test_one_file_or_a_pattern_can_be_named(captioned):
    folder = captioned([DOG])
    write_chinese(folder, GOU)
    (row,) = open_source(str(folder / "captions_zh.jsonl")).rows()
    assert row.captions == ("一只狗",) and row.folder == str(folder)
    (row,) = open_source(str(folder / "captions*.jsonl")).rows()
    assert row.captions == ("a dog", "一只狗")


def test_images_may_stand_in_another_folder(captioned, tmp_path_factory):
    folder = captioned([DOG])
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (row,) = open_source(str(folder), images=str(elsewhere)).rows()
    assert row.folder == str(elsewhere)


def test_a_table_row_per_caption_gives_one_row_per_image(tmp_path):
    (tmp_path / "captions.csv").write_text(
        "image,caption,split\na.png,one,\nb.png,two,val\na.png,three,train\na.png,four,test\n"
    )
    reject, first, second = open_source(str(tmp_path)).rows()
    assert isinstance(reject, Reject)
    assert (reject.where, reject.reason) == ("captions.csv:5", "conflicting_split")
    assert (first.captions, first.split) == (("one", "three"), "train")
    assert (second.captions, second.split) == (("two",), "val")


def test_rows_are_not_held_until_the_end(monkeypatch, tmp_path):
    text = "image,caption\n" + "".join(f"{n}.png,one\n{n}.png,two\n" for n in range(1000))
    (tmp_path / "captions.csv").write_text(text)
    read, lines = [], files.lines

    def noted(path):
        for line in lines(path):
            read.append(line)
            yield line

    monkeypatch.setattr(files, "lines", noted)
    source = open_source(str(tmp_path))
    rows = source.rows()
    for _ in range(3):
        assert next(rows).captions == ("one", "two")
    # Twenty rows, once to find the pictures and once more; all to count the rows of each image; and
    # what a quoted cell of the next might need.
    assert len(read) <= 2001 + 1 + 20 + 50


def test_images_come_in_the_order_of_their_first_rows(captioned):
    folder = captioned([DOG, CAT])
    write_chinese(folder, {**GOU, "image": "1.png"}, GOU)
    found = list(open_source(str(folder), files_pattern="captions*.jsonl").rows())
    assert [row.captions for row in found] == [("a dog", "一只狗"), ("a cat", "一只狗")]


def test_splits_can_be_decided_anew(captioned):
    folder = captioned([{**DOG, "split": "val"}])
    assert [row.split for row in open_source(str(folder)).rows()] == ["val"]
    assert [row.split for row in open_source(str(folder), resplit=True).rows()] == [None]


def test_limits_reach_the_captions(captioned):
    source = open_source(str(captioned([DOG])), limits=Limits(max_caption_characters=4))
    assert [row.reason for row in source.rows()] == ["long_caption"]


def test_a_folder_name_may_look_like_a_pattern(tmp_path):
    folder = tmp_path / "data[1]"
    folder.mkdir()
    (folder / "captions.tsv").write_text("image\tcaption\na.png\ta dog\n")
    assert len(list(open_source(str(folder), files_pattern="*.tsv").rows())) == 1


def test_the_fingerprint_changes_with_captions_and_pictures_only(captioned):
    folder = captioned([DOG, CAT])
    before = open_source(str(folder)).fingerprint()
    (folder / "notes.txt").write_text("nothing of it")
    assert open_source(str(folder)).fingerprint() == before
    os.utime(folder / "0.png", (1, 1))
    touched = open_source(str(folder)).fingerprint()
    captioned([DOG])
    assert len({before, touched, open_source(str(folder)).fingerprint()}) == 3


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere", "no such file or folder"),
        (".", "no caption file in it, but a captions.dat"),
        ("captions.dat", "ends in .jsonl, .ndjson, .csv, .tsv, .txt, .token, .json "),
        ("*.jsonl", "no such file or folder"),
    ],
)
def test_what_cannot_be_opened_is_said_with_a_remedy(tmp_path, name, problem):
    (tmp_path / "captions.dat").touch()
    with pytest.raises(DataError, match=problem) as caught:
        open_source(str(tmp_path / name))
    assert str(tmp_path) in caught.value.where and caught.value.remedy


def test_an_empty_caption_file_stops(tmp_path):
    (tmp_path / "captions.jsonl").write_text("\n\n")
    with pytest.raises(DataError, match="no record"):
        list(open_source(str(tmp_path)).rows())


def test_many_rows_of_one_image_are_joined_once(tmp_path, monkeypatch):
    rows = "".join(f"{'ab'[n % 2]}.png,caption {n},{'' if n % 3 else 'val'}\n" for n in range(600))
    (tmp_path / "captions.csv").write_text(f"image,caption,split\n{rows}")
    joined, join = [], captioned_folder._joined

    def counted(several):
        joined.append([len(row.captions) for row in several])
        return join(several)

    monkeypatch.setattr(captioned_folder, "_joined", counted)
    first, second = open_source(str(tmp_path)).rows()
    # Joined with each row that comes, it would be 598 times, and captions of captions.
    assert joined == [[1] * 300, [1] * 300]
    assert first.captions == tuple(f"caption {n}" for n in range(0, 600, 2))
    assert (second.split, second.where) == ("val", "captions.csv:3")
