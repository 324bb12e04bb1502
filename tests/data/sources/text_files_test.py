"""Captions in text files with the names of the pictures."""

import os
import tempfile
import uuid
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from data.base import files
from data.base.errors import DataError
from data.sources import Limits, Reject, RejectReport, Row, open_source, sift

LINES = st.lists(st.sampled_from([b"a dog", b" ", b"", b"\xff", b"x" * 21])).map(b"\n".join)


@pytest.fixture
def folder(tmp_path, picture):
    """Two pictures with texts, one in a folder of its own."""
    root = tmp_path / "pictures"
    (root / "dogs").mkdir(parents=True)
    (root / "2.png").write_bytes(picture(2))
    (root / "2.txt").write_text("a cat\n\n一只猫\r\n", encoding="utf-8")
    (root / "dogs" / "10.png").write_bytes(picture(10))
    (root / "dogs" / "10.TXT").write_text("\ufeffa dog", encoding="utf-8")
    return root


def test_each_line_is_a_caption(folder):
    cat, dog = open_source(str(folder)).rows()
    assert (cat.where, cat.image, cat.captions) == ("2.txt", "2.png", ("a cat", "一只猫"))
    assert cat.languages == ("en", "zh") and cat.split is None and not cat.dropped
    assert (dog.where, dog.image, dog.captions) == ("dogs/10.TXT", "dogs/10.png", ("a dog",))
    assert [loaded.row for loaded in sift(open_source(str(folder)), RejectReport())] == [cat, dog]


def test_texts_may_stand_in_a_tree_of_their_own(folder, tmp_path):
    texts = tmp_path / "texts"
    (texts / "dogs").mkdir(parents=True)
    for name in ("2.txt", "dogs/10.TXT"):
        (folder / name).rename(texts / name)
    found = list(open_source(str(texts), images=str(folder)).rows())
    assert [row.captions for row in found] == [("a cat", "一只猫"), ("a dog",)]
    assert {row.folder for row in found} == {str(folder)}


def test_a_caption_file_goes_before(folder):
    (folder / "captions.jsonl").write_text('{"image": "2.png", "captions": ["from the list"]}')
    (row,) = open_source(str(folder)).rows()
    assert row.captions == ("from the list",)


def test_what_has_no_counterpart_is_a_reject(folder, picture):
    (folder / "3.png").write_bytes(picture(3))
    (folder / "readme.txt").write_text("About these pictures.")
    (folder / "2.txt").write_bytes(b"caf\xe9\n")
    (folder / ".2.txt").write_text("of an editor")
    found = {row.where: row for row in open_source(str(folder)).rows()}
    assert isinstance(found.pop("dogs/10.TXT"), Row)
    reasons = {where: (reject.image, reject.reason) for where, reject in found.items()}
    assert reasons == {
        "2.txt": ("2.png", "invalid_utf8"),
        "3.png": ("3.png", "empty_caption"),
        "readme.txt": ("", "missing_file"),
    }


def test_a_text_that_is_a_link_to_elsewhere_is_not_read(folder, tmp_path):
    (tmp_path / "secret").write_text("not a caption")
    (folder / "2.txt").unlink()
    (folder / "2.txt").symlink_to(tmp_path / "secret")
    reject = next(iter(open_source(str(folder)).rows()))
    assert isinstance(reject, Reject) and reject.reason == "outside_folder"


def test_only_regular_files_are_read(folder):
    (folder / "2.txt").unlink()
    os.mkfifo(folder / "2.txt")
    (folder / "4.png").symlink_to("gone.png")
    cat, dog = open_source(str(folder)).rows()
    assert (cat.where, cat.reason) == ("2.png", "empty_caption")
    assert isinstance(dog, Row)


def test_pictures_and_texts_that_do_not_meet_are_no_source(tmp_path, picture):
    (tmp_path / "1.png").write_bytes(picture(1))
    (tmp_path / "readme.txt").write_text("About these pictures.")
    with pytest.raises(DataError, match="no caption file") as caught:
        open_source(str(tmp_path))
    assert "1.txt for 1.jpg" in caught.value.remedy


def test_the_fingerprint_follows_texts_and_pictures(folder, picture):
    seen = [open_source(str(folder)).fingerprint()]
    assert open_source(str(folder)).fingerprint() == seen[0]
    folder = folder.rename(folder.with_name("moved"))
    assert open_source(str(folder)).fingerprint() == seen[0]
    # One line less here and one more there: the bytes in their order are the same.
    (folder / "2.txt").write_text("a cat")
    (folder / "dogs" / "10.TXT").write_text("\n一只猫\na dog", encoding="utf-8")
    seen.append(open_source(str(folder)).fingerprint())
    (folder / "2.png").write_bytes(picture(7, side=17))
    seen.append(open_source(str(folder)).fingerprint())
    assert len(set(seen)) == 3


def test_a_remote_folder_is_read_too(picture):
    root = f"ram://{uuid.uuid4().hex}"
    tf.io.gfile.makedirs(f"{root}/dogs")
    for name, content in (("dogs/1.png", picture(1)), ("dogs/1.txt", b"a dog")):
        files.write_whole(f"{root}/{name}", content)
    (loaded,) = sift(open_source(root), RejectReport())
    assert (loaded.row.image, loaded.row.captions) == ("dogs/1.png", ("a dog",))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.binary(max_size=40) | LINES, min_size=1, max_size=4))
def test_texts_of_any_bytes_give_one_row_each(texts):
    limits = Limits(max_caption_characters=20)
    with tempfile.TemporaryDirectory() as place:
        for number, text in enumerate(texts):
            Path(place, f"{number}.png").touch()
            Path(place, f"{number}.txt").write_bytes(text)
        source = open_source(place, limits=limits)
        found = list(source.rows())
        assert source.fingerprint()
    assert [row.where for row in found] == [f"{number}.txt" for number in range(len(texts))]
    for row, text in zip(found, texts, strict=True):
        lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        if isinstance(row, Row):
            assert len(row.captions) + len(row.dropped) == sum(bool(line.strip()) for line in lines)


def test_texts_in_several_languages(tmp_path, picture):
    for name in ("1.png", "2.en.png"):
        (tmp_path / name).write_bytes(picture(len(name)))
    for name, text in (
        ("1.de", "ein Hund"),
        ("1.zh-CN", "一只狗"),
        ("2.en", "ein Haus"),
        ("3.no", "x"),
    ):
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    dog, house, lost = open_source(str(tmp_path)).rows()
    assert (dog.captions, dog.languages) == (("ein Hund", "一只狗"), ("de", "zh-CN"))
    # A part of the picture's own name says no language.
    assert (house.image, house.captions, house.mended) == (
        "2.en.png",
        ("ein Haus",),
        ("language guessed",),
    )
    assert lost.reason == "missing_file"


def test_texts_in_a_tree_of_another_shape_are_paired_by_names(tmp_path, picture):
    """As Oxford's flowers and CUB's birds are packed."""
    for place in range(3):
        for name in (f"jpg/{place}.png", f"text_c10/class_{place % 2}/{place}.txt"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(picture(place))
        (tmp_path / f"text_c10/class_{place % 2}/{place}.txt").write_text(f"flower {place}\nbloom")
    (tmp_path / "classes.txt").write_text("1 pansy")
    found = list(open_source(str(tmp_path)).rows())
    assert [row.where for row in found if isinstance(row, Reject)] == ["classes.txt"]
    assert [(row.image, row.captions) for row in found if isinstance(row, Row)] == [
        (f"jpg/{place}.png", (f"flower {place}", "bloom")) for place in range(3)
    ]
    # A text that stands beside its picture says that the others belong elsewhere.
    (tmp_path / "jpg/0.txt").write_text("mine")
    kept = [row.captions for row in open_source(str(tmp_path)).rows() if isinstance(row, Row)]
    assert kept == [("mine",)]


def test_names_that_several_pictures_have_pair_nothing(tmp_path, picture):
    for name in ("a/1.png", "b/1.png", "c/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture(0))
    for name in ("texts/1.txt", "texts/2.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a dog")
    rows = list(open_source(str(tmp_path)).rows())
    assert [row.image for row in rows if isinstance(row, Row)] == ["c/2.png"]
