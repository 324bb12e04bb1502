"""Names that tables and disks write in different ways: found, or the true reason."""

import os
import unicodedata

import pytest

from data.sources import Reject, RejectReport, load_row, open_source, picture_names, sift

COMPOSED = unicodedata.normalize("NFC", "café/été.png")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def _one(folder):
    """The only picture, or the only reject, of a captioned folder."""
    report = RejectReport()
    kept = list(sift(open_source(str(folder)), report))
    (found,) = kept + report.rejects
    return found


def _write(folder, image, captions=("a dog",)):
    lines = "".join(f'{{"image": "{image}", "captions": ["{text}"]}}\n' for text in captions)
    (folder / "captions.jsonl").write_text(lines.replace("\\", "\\\\"), encoding="utf-8")


@pytest.mark.parametrize(
    ("on_disk", "in_table"),
    [
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        # One folder in each form: no form of the whole name is on the disk.
        ("/".join((DECOMPOSED.split("/")[0], COMPOSED.split("/")[1])), COMPOSED),
        ("a/1.png", "a\\1.png"),
        ("a/1.png", ".\\a\\1.png"),
        ("a/1.png", "A/1.PNG"),
        ("Straße/1.png", "STRASSE/1.png"),
        ("a/1.png", "a/./1.png"),
    ],
)
def test_names_are_found_in_other_forms(tmp_path, picture, on_disk, in_table):
    place = tmp_path / on_disk
    place.parent.mkdir()
    place.write_bytes(picture())
    _write(tmp_path, in_table)
    found = _one(tmp_path)
    assert not isinstance(found, Reject), found
    assert found.picture.encoded == picture()


def test_the_very_name_goes_before_other_forms(tmp_path, picture):
    for place, name in enumerate(("a.png", "A.png", "A.PNG")):
        (tmp_path / name).write_bytes(picture(place))
    assert [picture_names.find(str(tmp_path), name) for name in ("a.png", "A.PNG")] == [
        "a.png",
        "A.PNG",
    ]
    assert picture_names.find(str(tmp_path), "a.PNG") is None
    assert all(
        name in picture_names.why_missing(str(tmp_path), "a.PNG") for name in ("A.PNG", "A.png")
    )


def test_a_file_that_comes_later_is_found(tmp_path, picture):
    assert picture_names.find(str(tmp_path), "A.png") is None
    (tmp_path / "a.png").write_bytes(picture())
    os.utime(tmp_path, ns=(1, 1))
    assert picture_names.find(str(tmp_path), "A.png") == "a.png"


@pytest.mark.parametrize("through_link", [False, True])
def test_absolute_paths_inside_the_folder_are_relative_ones(tmp_path, picture, through_link):
    folder = tmp_path / "set"
    (folder / "a").mkdir(parents=True)
    (folder / "a/1.png").write_bytes(picture())
    (tmp_path / "link").symlink_to(folder)
    _write(folder, tmp_path / ("link" if through_link else "set") / "a/1.png")
    assert _one(folder).row.image_id == "a/1.png"


def test_rows_of_one_image_in_two_forms_are_merged(tmp_path, picture):
    (tmp_path / "café").mkdir()
    (tmp_path / COMPOSED).write_bytes(picture())
    (tmp_path / "captions.csv").write_text(
        f"image,caption\n{COMPOSED},one\n{DECOMPOSED},two\ncafé\\été.png,three\n", encoding="utf-8"
    )
    assert _one(tmp_path).row.captions == ("one", "two", "three")


@pytest.mark.parametrize(
    ("image", "reason", "said"),
    [
        ("gone.png", "missing_file", "no file"),
        ("to_nothing.png", "missing_file", "is a link to nowhere.png"),
        ("out.png", "outside_folder", "is a link to"),
        ("dir_out/1.png", "outside_folder", "dir_out is a link to"),
        ("a", "missing_file", "is a folder"),
        ("pipe.png", "missing_file", "no regular file"),
        ("1.jpg", "missing_file", "but there is 1.png"),
        ("..\\1.png", "missing_file", "no file"),
        ("C:\\data\\1.png", "outside_folder", "Windows"),
        ("/etc/passwd", "outside_folder", "/etc/passwd is not a path below"),
        ("../1.png", "outside_folder", "leads out of"),
    ],
)
def test_what_is_not_found_says_why(tmp_path, picture, image, reason, said):
    folder, elsewhere = tmp_path / "set", tmp_path / "elsewhere"
    for place in (folder / "a", elsewhere):
        place.mkdir(parents=True)
        (place / "1.png").write_bytes(picture())
    (folder / "1.png").write_bytes(picture())
    (tmp_path / "1.png").write_bytes(picture())
    (folder / "to_nothing.png").symlink_to("nowhere.png")
    (folder / "out.png").symlink_to(elsewhere / "1.png")
    (folder / "dir_out").symlink_to(elsewhere)
    os.mkfifo(folder / "pipe.png")
    _write(folder, image)
    found = _one(folder)
    assert (found.reason, said in found.detail) == (reason, True), found


def test_a_link_inside_the_folder_is_read(tmp_path, picture):
    (tmp_path / "1.png").write_bytes(picture())
    (tmp_path / "also.png").symlink_to("1.png")
    _write(tmp_path, "also.png")
    assert _one(tmp_path).row.image_id == "also.png"


@pytest.mark.parametrize("name", ["\x00.png", "\ud800.png", "x" * 5000 + ".png", "a/" * 3000])
def test_names_that_no_disk_holds_are_not_found(tmp_path, name):
    assert picture_names.find(str(tmp_path), name) is None
    assert picture_names.why_missing(str(tmp_path), name)


@pytest.mark.parametrize(
    ("picture_name", "text_name"),
    [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), ("a/IMG_1.PNG", "a/img_1.png")],
)
def test_texts_find_their_pictures_in_other_forms(tmp_path, picture, picture_name, text_name):
    for name, content in ((picture_name, picture()), (text_name[:-3] + "txt", b"a dog")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = _one(tmp_path)
    assert found.row.captions == ("a dog",)


def test_texts_that_may_mean_two_pictures_are_rejected(tmp_path, picture):
    for place, name in enumerate(("a.png", "A.png")):
        (tmp_path / name).write_bytes(picture(place))
    (tmp_path / "b.png").write_bytes(picture(7))
    (tmp_path / "b.txt").write_text("a cat")
    for name in ("A.TXT", "a.TXT"):
        (tmp_path / name).write_text(name)
    rows = {row.image_id: row.captions for row in open_source(str(tmp_path)).rows()}
    assert rows == {"a.png": ("a.TXT",), "A.png": ("A.TXT",), "b.png": ("a cat",)}
    (tmp_path / "A.TXT").unlink()
    (tmp_path / "a.TXT").rename(tmp_path / "Ａ.TXT")
    reasons = [row.reason for row in open_source(str(tmp_path)).rows() if isinstance(row, Reject)]
    assert sorted(reasons) == ["empty_caption", "empty_caption", "missing_file"]


def test_remote_names_are_taken_as_they_are():
    assert picture_names.relative("gs://bucket/set", "gs://bucket/set/a/1.png") == "a/1.png"
    assert picture_names.relative("gs://bucket/set", "gs://other/1.png") == "gs://other/1.png"


def test_load_row_reads_what_find_found(tmp_path, picture):
    (tmp_path / "B.png").write_bytes(picture())
    _write(tmp_path, "b.png")
    (row,) = open_source(str(tmp_path)).rows()
    assert load_row(row).picture.encoded == picture()


def test_a_name_without_its_ending_is_found_where_one_picture_has_it(tmp_path):
    for name in ("in/1.JPG", "in/2.png", "in/2.jpg", "in/3.txt", "in/4"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("in/1", "in\\1"):
        assert picture_names.find(str(tmp_path), name) == "in/1.JPG"
    assert picture_names.find(str(tmp_path), "in/2") is None
    assert "several" in picture_names.why_missing(str(tmp_path), "in/2")
    assert picture_names.find(str(tmp_path), "in/3") is None
    assert picture_names.find(str(tmp_path), "in/4") == "in/4"
