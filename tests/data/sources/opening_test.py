"""Folders as data sets of others have them: which of their files are read, and in which splits."""

import bz2
import gzip
import io
import json
import lzma
import shlex
import subprocess
import tarfile
import zipfile

import pyarrow as pa
import pytest

from data.base import files
from data.base.errors import DataError
from data.sources import Reject, RejectReport, open_source, sift
from data.sources.opening import contents


def put(folder, name, content=""):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(folder, **options):
    return list(open_source(str(folder), **options).rows())


def read(folder, **options):
    """Returns image, captions and split of each row."""
    return [(row.image_id, row.captions, row.split) for row in rows(folder, **options)]


def lines(*records):
    return "".join(f"{json.dumps(record)}\n" for record in records)


@pytest.fixture
def hugging_face(tmp_path):
    """An image folder whose splits are folders; their pictures have the same names."""
    for split in ("train", "validation", "test"):
        record = {"file_name": "0.png", "text": split, "width": 4}
        put(tmp_path, f"{split}/metadata.jsonl", lines(record))
        put(tmp_path, f"{split}/0.png")
    return tmp_path


THREE = [
    ("test/0.png", ("test",), "test"),
    ("train/0.png", ("train",), "train"),
    ("validation/0.png", ("validation",), "val"),
]


def test_folders_of_hugging_face_are_the_splits(hugging_face):
    assert read(hugging_face) == THREE
    assert [row.where for row in rows(hugging_face)] == [
        f"{split}/metadata.jsonl:1" for split in ("test", "train", "validation")
    ]
    source = open_source(str(hugging_face))
    assert [list(source.rows(part)) for part in source.parts()] == [[one] for one in source.rows()]


@pytest.mark.parametrize(
    "pattern", ["*/metadata.jsonl", "test/*.jsonl,train/metadata.jsonl,val*/*.jsonl"]
)
def test_a_pattern_may_go_over_folders(hugging_face, pattern):
    assert read(hugging_face, files_pattern=pattern) == THREE
    if "," not in pattern:
        assert read(hugging_face / pattern) == THREE


def test_the_fingerprint_follows_the_splits(hugging_face):
    before = open_source(str(hugging_face)).fingerprint()
    moved = hugging_face.rename(hugging_face.with_name("moved"))
    assert open_source(str(moved)).fingerprint() == before
    (moved / "validation").rename(moved / "valid")
    assert open_source(str(moved)).fingerprint() != before


def test_folders_of_splits_may_call_their_one_caption_file_anything(tmp_path):
    for split in ("train", "valid"):
        put(tmp_path, f"{split}/labels.csv", f"filename,caption\n0.png,{split}\n")
        put(tmp_path, f"{split}/0.png")
        put(tmp_path, f"{split}/notes.txt", "about these pictures")
    assert read(tmp_path) == [
        ("train/0.png", ("train",), "train"),
        ("valid/0.png", ("valid",), "val"),
    ]


def test_one_split_folder_alone_is_the_whole_set(tmp_path):
    put(tmp_path, "train/metadata.csv", "file_name,text\n0.png,one\n")
    put(tmp_path, "train/0.png")
    assert read(tmp_path) == [("train/0.png", ("one",), None)]


def test_the_folders_of_pictures_are_splits_too(tmp_path):
    for name in ("train/0.png", "dev/0.png", "more/0.png"):
        put(tmp_path, name)
        put(tmp_path, name.replace(".png", ".txt"), name)
    by_text = read(tmp_path)
    put(tmp_path, "metadata.csv", "file_name,text\n" + "".join(f"{n},{n}\n" for n, _, _ in by_text))
    assert read(tmp_path) == by_text
    assert [split for _, _, split in by_text] == ["val", None, "train"]


def zstd(content):
    return pa.compress(content, "zstd", asbytes=True)


FLICKR8K = "0.png#0\tone , two .\n0.png#1\ttwo\n1.png#0\tthree\n"
BY_IMAGE = [(("one , two .", "two"), "0.png"), (("three",), "1.png")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("captions.txt", 'image,caption\n0.png,"one , two ."\n0.png,two\n1.png,three\n'),
        ("Flickr8k.token.txt", FLICKR8K),
        ("Flickr8k_text/Flickr8k.token.txt", FLICKR8K),
        ("results_20130124.token", FLICKR8K),
        (
            "results.csv",
            "image_name| comment_number| comment\n0.png| 0| one , two .\n0.png| 1| two\n"
            "1.png| 0| three\n",
        ),
        ("captions.tsv.gz", gzip.compress(b"image\tcaption\n" + FLICKR8K.encode())),
        ("captions.tsv.bz2", bz2.compress(b"image\tcaption\n" + FLICKR8K.encode())),
        ("results.token.xz", lzma.compress(FLICKR8K.encode())),
        ("captions.tsv.zst", zstd(b"image\tcaption\n" + FLICKR8K.encode())),
        (
            "captions.jsonl.gz",
            gzip.compress(lines({"image": "0.png", "captions": ["one , two .", "two"]},
                                {"image": "1.png", "caption": "three"}).encode()),
        ),
        (
            "labels.jsonl",
            lines({"path": "0.png", "sentences": ["one , two .", "two"]},
                  {"path": "1.png", "prompt": "three"}),
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("pictures", ["", "Images", "Flicker8k_Dataset/all"])
def test_flickr_and_other_tables_beside_their_pictures(tmp_path, name, content, pictures):
    put(tmp_path, name, content)
    put(tmp_path, "Flickr8k_text/Flickr8k.lemma.token.txt", FLICKR8K)
    for picture in ("0.png", "1.png"):
        put(tmp_path / pictures, picture)
    found = rows(tmp_path)
    assert [(row.captions, row.image) for row in found] == BY_IMAGE
    assert {row.folder for row in found} == {str(tmp_path / pictures).rstrip("/")}


def test_a_file_of_captions_alone_finds_its_pictures_beside_its_folder(tmp_path):
    path = put(tmp_path, "Flickr8k_text/Flickr8k.token.txt", FLICKR8K)
    put(tmp_path, "other/1.png")
    for picture in ("0.png", "1.png"):
        put(tmp_path, f"Flicker8k_Dataset/{picture}")
    assert {row.folder for row in rows(path)} == {str(tmp_path / "Flicker8k_Dataset")}
    # Beside pictures of its own, a file is of these.
    put(tmp_path, "Flickr8k_text/7.png")
    assert {row.folder for row in rows(path)} == {str(path.parent)}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a.xlsx", "CSV UTF-8"),
        ("a.zip", "Unpack"),
        ("a.JPG", "Name its folder"),
        ("a.x", "convert"),
    ],
)
def test_a_file_that_is_not_read_is_told_with_what_helps(tmp_path, name, hint):
    with pytest.raises(DataError) as caught:
        open_source(str(put(tmp_path, name)))
    assert hint in caught.value.remedy


@pytest.mark.parametrize(
    ("ending", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", zstd)],
)
def test_a_cut_archive_is_named(tmp_path, ending, pack):
    content = lines(*({"image": f"{n}.png", "caption": "a"} for n in range(99))).encode()
    path = put(tmp_path, f"captions.jsonl{ending}", pack(content)[:-20])
    with pytest.raises(DataError, match="cut short") as caught:
        rows(tmp_path)
    assert caught.value.where == str(path)


def test_files_called_like_splits(tmp_path):
    for name, split in (("training", "train"), ("valid", "val"), ("testing", "test")):
        put(tmp_path, f"{name}.csv", f"image,caption\n{split}.png,a\n")
    put(tmp_path, "train_notes.json", "{}")
    assert {image: split for image, _, split in read(tmp_path)} == {
        "train.png": "train",
        "val.png": "val",
        "test.png": "test",
    }


def test_text_files_of_kohya_and_one_caption_in_each(tmp_path, picture):
    put(tmp_path, "0.png", picture(0))
    put(tmp_path, "0.caption", "a dog\n\nthat sleeps\r\n")
    put(tmp_path, "1.png", picture(1))
    put(tmp_path, "1.txt", "\n")
    dog, empty = rows(tmp_path)
    assert dog.captions == ("a dog", "that sleeps")
    whole, still = rows(tmp_path, text_captions="whole")
    assert whole.captions == ("a dog that sleeps",)
    assert {empty.reason, still.reason} == {"empty_caption"}
    with pytest.raises(DataError, match="text_captions 'all'"):
        open_source(str(tmp_path), text_captions="all")


def test_what_lies_there_is_said_where_nothing_fits(tmp_path):
    for number in range(3):
        put(tmp_path, f"{number}.heic")
        put(tmp_path, f"{number}.txt", "a dog")
    put(tmp_path, "dataset_coco.json", '{"images": 1}')
    with pytest.raises(DataError) as caught:
        open_source(str(tmp_path))
    assert "3 .heic files, 3 .txt files, a dataset_coco.json" in caught.value.problem
    assert ".heic pictures as JPEG" in caught.value.remedy


def test_the_remedy_of_several_tables_can_be_typed(tmp_path):
    for name in ("one.jsonl", "two.jsonl"):
        put(tmp_path, name, lines({"image": "0.png", "caption": name}))
    put(tmp_path, "0.png")
    with pytest.raises(DataError) as caught:
        open_source(str(tmp_path))
    pattern = caught.value.remedy.partition("ingest.files_pattern=")[2].partition("'")[0]
    assert read(tmp_path, files_pattern=pattern) == [("0.png", ("one.jsonl", "two.jsonl"), None)]


def test_of_several_files_the_one_whose_pictures_lie_there_is_read(tmp_path):
    for name in ("coco", "flickr8k"):
        record = {"filename": f"{name}.png", "sentences": [{"raw": name}], "split": "val"}
        put(tmp_path, f"dataset_{name}.json", json.dumps({"images": [record]}))
    put(tmp_path, "labels.csv", "image,caption\ngone.png,a\n")
    put(tmp_path, "Images/flickr8k.png")
    assert read(tmp_path) == [("flickr8k.png", ("flickr8k",), "val")]


@pytest.mark.parametrize("name", ["old/captions.csv", "set/labels.tsv"])
def test_a_folder_within_that_would_be_read_is_named(tmp_path, name):
    path = put(tmp_path, name, "image,caption\n0.png,a dog\n")
    put(path.parent, "0.png")
    with pytest.raises(DataError) as caught:
        open_source(str(tmp_path))
    named = caught.value.remedy.rpartition(": ")[2].rstrip(".")
    assert read(named) == [("0.png", ("a dog",), None)]


@pytest.mark.parametrize("above", ["", "data"])
def test_splits_may_lie_in_a_folder_data(hugging_face, above):
    for split in ("train", "validation", "test"):
        (hugging_face / "data").mkdir(exist_ok=True)
        (hugging_face / split).rename(hugging_face / "data" / split)
    assert [split for _, _, split in read(hugging_face / above)] == ["test", "train", "val"]


def test_the_remedy_of_a_folder_too_high_can_be_typed(hugging_face):
    folder = hugging_face / "set/data"
    folder.mkdir(parents=True)
    for split in ("train", "validation", "test"):
        (hugging_face / split).rename(folder / split)
    with pytest.raises(DataError) as caught:
        open_source(str(hugging_face))
    path = caught.value.remedy.rpartition(": ")[2].rstrip(".")
    assert read(path) == THREE


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "no file at all"),
        (["x/a.PNG", "b.png", "c"], "2 .png files, a c"),
        ([f"b.{n}" for n in range(9)], "a b.0, a b.1, a b.2, a b.3, a b.4, a b.5, 3 other kinds"),
    ],
)
def test_contents(names, said):
    assert contents(names).startswith(said)


def test_split_names_are_not_read_out_of_other_words(tmp_path):
    put(tmp_path, "latest_trainer.jsonl", lines({"image": "0.png", "caption": "a"}))
    put(tmp_path, "0.png")
    assert read(tmp_path) == [("0.png", ("a",), None)]


def test_a_link_that_leads_nowhere_and_a_locked_folder_do_no_harm(tmp_path):
    put(tmp_path, "captions.csv", "image,caption\n0.png,a\n")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    put(tmp_path, "Images/0.png")
    assert read(tmp_path) == [("Images/0.png", ("a",), None)]
    assert files.folders_in(str(tmp_path)) == ["Images"]


def test_pictures_that_are_nowhere_are_rejects_with_a_remedy(tmp_path):
    put(tmp_path, "captions.csv", "image,caption\n0.png,a\n")
    report = RejectReport()
    assert not list(sift(open_source(str(tmp_path)), report))
    (reject,) = report.rejects
    assert isinstance(reject, Reject) and reject.reason == "missing_file"
    assert "--set ingest.images=" in reject.remedy


LISTS = {"train": ("0.png", "1.png"), "dev": ("2.png",), "test": ("3.png",)}


@pytest.mark.parametrize("form", ["Flickr_8k.{}Images.txt", "coco-cn_{}.txt", "splits/{}.txt"])
@pytest.mark.parametrize("ending", ["", ".png"])
def test_lists_of_pictures_are_splits(tmp_path, form, ending):
    tokens = "".join(f"{n}.png#{k}\tpicture {n}\n" for n in range(5) for k in range(2))
    put(tmp_path, "Flickr8k_text/Flickr8k.token.txt", tokens)
    for name, held in LISTS.items():
        listed = "".join(f"{one.removesuffix('.png')}{ending}\r\n\n" for one in held)
        put(tmp_path / "Flickr8k_text", form.format(name), listed)
    for place in range(5):
        put(tmp_path, f"Images/{place}.png")
    source = open_source(str(tmp_path if "/" not in form else tmp_path / "Flickr8k_text"))
    found = {row.image: row.split for row in source.rows()}
    # One picture stands in no list.
    assert found == {
        "0.png": "train", "1.png": "train", "2.png": "val", "3.png": "test", "4.png": None
    }  # fmt: skip
    assert len(source.texts()[0]) == 4
    before = source.fingerprint()
    put(tmp_path / "Flickr8k_text", form.format("dev"), "4.png\n")
    assert source.fingerprint() != before


def test_a_picture_in_two_lists_is_rejected_and_rows_go_before_lists(tmp_path):
    put(tmp_path, "captions.csv", "image,caption,split\n0.png,a,\n1.png,b,test\n2.png,c,\n")
    put(tmp_path, "train.txt", "0.png\n1.png\n")
    put(tmp_path, "val.txt", "2.png\n0.png\n1.png\n")
    for place in range(3):
        put(tmp_path, f"{place}.png")
    found = {row.where: getattr(row, "reason", None) or row.split for row in rows(tmp_path)}
    assert found == {
        "captions.csv:2": "conflicting_split", "captions.csv:3": "test", "captions.csv:4": "val"
    }  # fmt: skip


def test_what_is_no_list_of_pictures_says_no_split(tmp_path):
    put(tmp_path, "captions.csv", "image,caption\n0.png,a\n")
    put(tmp_path, "train.txt", "0.png")
    put(tmp_path, "0.png")
    assert read(tmp_path) == [("0.png", ("a",), None)]
    put(tmp_path, "val_notes.txt", "what we saw\n")
    assert read(tmp_path) == [("0.png", ("a",), None)]


def test_a_language_in_the_name_of_a_caption_file(tmp_path):
    for tag in ("de", "no"):
        put(tmp_path, f"captions_{tag}.csv", f"image,caption\n0.png,{tag}\n")
    put(tmp_path, "captions_zh.jsonl", lines({"image": "0.png", "caption": "x", "language": "fr"}))
    put(tmp_path, "0.png")
    (row,) = rows(tmp_path, files_pattern="captions_*")
    assert dict(zip(row.captions, row.languages, strict=True)) == {
        "de": "de",
        "no": "en",
        "x": "fr",
    }


def test_pictures_behind_a_linked_folder_are_named_with_what_helps(tmp_path):
    put(tmp_path, "far/0.png")
    put(tmp_path, "a set/captions.csv", "image,caption\n0.png,a\n")
    (tmp_path / "a set/Images").symlink_to(tmp_path / "far")
    with pytest.raises(DataError, match="not followed") as caught:
        rows(tmp_path / "a set")
    (images, *_) = shlex.split(caught.value.remedy.partition("ingest.images=")[2])
    assert read(tmp_path / "a set", images=images.rstrip(".")) == [("0.png", ("a",), None)]
    # A row that names the link leads out of the folder.
    put(tmp_path, "a set/captions.csv", "image,caption\nImages/0.png,a\n")
    report = RejectReport()
    assert not list(sift(open_source(str(tmp_path / "a set")), report))
    assert report.by_reason() == {"outside_folder": 1} and "cp -rL" in report.rejects[0].remedy


@pytest.mark.parametrize("place", ["train", "annotations", "data"])
def test_linked_folders_are_searched_nowhere(tmp_path, place):
    inner = {"train": "", "annotations": "", "data": "train/"}[place]
    name = "captions_train.json" if place == "annotations" else "metadata.jsonl"
    record = {"file_name": "0.png", "text": "a"}
    content = json.dumps({"images": [{"id": 1, **record}], "annotations": []})
    put(tmp_path, f"far/{inner}{name}", content if place == "annotations" else lines(record))
    put(tmp_path, f"far/{inner}0.png")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / place).symlink_to(tmp_path / "far")
    with pytest.raises(DataError) as caught:
        open_source(str(folder))
    assert f"1 links to folders, such as {place}" in caught.value.problem
    assert f"cp -rL {folder} COPY" in caught.value.remedy
    # What is named is read, and so is a copy.
    if place == "train":
        (pattern,) = shlex.split(caught.value.remedy.partition("--set ")[2])
        pattern = pattern.removeprefix("ingest.files_pattern=")
        assert read(folder, files_pattern=pattern) == [("train/0.png", ("a",), None)]
    assert not read_or_nothing(folder, files_pattern=f"*/{name}")
    (folder / place).unlink()
    (tmp_path / "far").rename(folder / place)
    assert open_source(str(folder))


def read_or_nothing(folder, **options):
    try:
        return read(folder, **options)
    except DataError:
        return []


@pytest.mark.parametrize("inner", ["", "Images/"])
@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_packed_pictures_are_named_with_the_command_that_unpacks_them(tmp_path, ending, inner):
    put(tmp_path, "a b/captions.csv", "image,caption\n0.png,a\n")
    write_archive(tmp_path / f"a b/x{ending}", [f"{inner}0.png"])
    with pytest.raises(DataError, match="no picture in") as caught:
        rows(tmp_path / "a b")
    command = caught.value.remedy.removeprefix("Unpack it: ")
    subprocess.run(command, shell=True, check=True)
    assert (tmp_path / "a b" / (inner or "x") / "0.png").exists()
    assert [captions for _, captions, _ in read(tmp_path / "a b")] == [("a",)]


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_a_packed_folder_is_named_with_the_command_that_unpacks_it(tmp_path, ending):
    path = tmp_path / f"flowers{ending}"
    write_archive(path, ["flowers/captions.csv", "flowers/0.png"])
    with pytest.raises(DataError) as caught:
        rows(tmp_path)
    subprocess.run(caught.value.remedy.partition("Unpack it: ")[2], shell=True, check=True)
    assert [captions for _, captions, _ in read(tmp_path / "flowers")] == [("a",)]


def write_archive(path, held):
    table = b"image,caption\n0.png,a\n"
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name in held:
                packed.writestr(name, table)
        return
    with tarfile.open(path, "w:gz") as tar:
        for name in held:
            member = tarfile.TarInfo(name)
            member.size = len(table)
            tar.addfile(member, io.BytesIO(table))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "url,caption\nhttp://a/1,a\n", "csv --url_col url --caption_col caption"),
        ("b.tsv", "a dog\thttps://a/1\n", "Give it a first line"),
        ("c.jsonl", '{"URL": "http://a/1", "TEXT": "a"}\n', "jsonl --url_col URL"),
        ("captions.csv", "caption;url\na;http://a/1\n", "--url_col url --caption_col caption"),
    ],
)  # fmt: skip
def test_tables_of_addresses_are_told_how_to_fetch_them(tmp_path, name, content, said):
    put(tmp_path, name, content)
    with pytest.raises(DataError) as caught:
        rows(tmp_path)
    assert said in caught.value.remedy and str(tmp_path / name) in caught.value.remedy


def test_a_few_texts_beside_many_pictures_are_not_their_captions(tmp_path):
    """As Multi30k has lists of names beside a file of each language."""
    for place in range(9):
        put(tmp_path, f"images/{place}.png")
    for split in ("train", "val"):
        put(tmp_path, f"{split}.en", "a\n")
        put(tmp_path, f"{split}_images.txt", "0.png\n")
    with pytest.raises(DataError) as caught:
        open_source(str(tmp_path))
    assert "captions.jsonl" in caught.value.remedy
