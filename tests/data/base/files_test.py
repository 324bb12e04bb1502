"""The same sources on a store that only TensorFlow's gfile reaches, and the speed of the start."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import tensorflow as tf

from data.base import files
from data.base.errors import AddressError, DataError
from data.picture_files import DAMAGED_PROFILE
from data.sources import collect, open_source
from data.sources.spans import resolve


@pytest.fixture
def remote(picture):
    base = f"ram://{uuid.uuid4().hex}"
    folder = f"{base}/span-3"
    tf.io.gfile.makedirs(folder)
    for seed in (0, 1):
        files.write_whole(f"{folder}/{seed}.png", picture(seed))
    lines = '{"image": "0.png", "caption": "a"}\n{"image": "gone.png", "caption": "b"}\n'
    files.write_whole(f"{folder}/captions.jsonl", (lines * 2).encode())
    return base


def test_a_remote_folder_is_read(remote):
    source = open_source(resolve(f"{remote}/span-{{SPAN}}").path)
    examples, report, _ = collect(source)
    assert [example.captions for example in examples] == [("a", "a")]
    assert report.by_reason() == {"missing_file": 1}
    assert source.fingerprint() == open_source(f"{remote}/span-3").fingerprint()


def test_a_remote_pattern_and_report(remote):
    source = open_source(f"{remote}/span-3/*.jsonl")
    examples, report, _ = collect(source)
    assert len(list(examples)) == 1
    report.write(f"{remote}/rejects.jsonl")
    assert files.read(f"{remote}/rejects.jsonl").count(b"missing_file") == 1
    assert files.matching(remote, "rejects*") == [f"{remote}/rejects.jsonl"]


def test_errors_of_a_remote_store_are_os_errors():
    with pytest.raises(OSError):
        files.read(f"ram://{uuid.uuid4().hex}/gone")


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def fail(self, content):
        raise OSError("the disk is full")

    (tmp_path / "old").write_text("whole")
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="full"):
        files.write_whole(str(tmp_path / "old"), b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "whole"


def test_a_file_may_have_the_longest_name(tmp_path):
    path = tmp_path / ("x" * 255)
    files.write_whole(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "gs://bucket/x", ".."])
def test_outside(tmp_path, name):
    assert not files.inside(str(tmp_path), name)


@pytest.mark.parametrize("name", ["x", "a/b/../x", "..x", "a..b/c"])
def test_inside(tmp_path, name):
    assert files.inside(str(tmp_path), name)


def test_a_sibling_with_the_same_beginning_is_outside(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data2").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "data2")
    assert not files.inside(str(tmp_path / "data"), "link/x")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"a": 1, "b"',
        b"[1, 2]",
        b"3",
        b'{"b": 2}',
        b'{"a": "\xff"}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000,
        b"\x00" * 50,
    ],
)
def test_a_damaged_file_of_our_own_is_told_with_path_and_remedy(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(b'{"a": 1}')
    assert files.read_json(str(path), "Delete it.", ["a"]) == {"a": 1}
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        files.read_json(str(path), "Delete it.", ["a"])
    assert (caught.value.where, caught.value.remedy) == (str(path), "Delete it.")
    assert "\n" not in str(caught.value) and len(caught.value.problem) < 150


def test_sources_and_check_start_without_tensorflow():
    code = "import sys, data.checking.console; print([m for m in sys.modules if 'tensor' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("s3://bucket/a b", "aws s3 cp --recursive 's3://bucket/a b' my-pictures"),
        ("s3://bucket/a.csv", "aws s3 cp s3://bucket/a.csv ."),
        ("https://host/a.zip", "curl -LO https://host/a.zip"),
        (
            "HF://datasets/me/photos/train",
            "hf download --repo-type dataset --local-dir my-pictures me/photos",
        ),
    ],
)
def test_addresses_that_nothing_reads_come_with_a_command(address, command):
    for use in (files.check_scheme, resolve, open_source):
        with pytest.raises(AddressError) as caught:
            use(address)
        assert caught.value.where == address and caught.value.remedy.endswith(f"{command}.")


def test_other_addresses_are_those_that_tensorflow_knows(remote):
    for known in (remote, "gs://bucket/x", "file:///x", "/a/b", "a://"[:2]):
        files.check_scheme(known)
    with pytest.raises(AddressError):
        files.check_scheme("minio://bucket/x")


def test_a_picture_that_is_an_address_is_a_reject_of_its_own(captioned):
    folder = captioned([{"image": "https://host/1.png", "captions": ["a"]}])
    examples, report, _ = collect(open_source(str(folder)))
    assert not list(examples) and report.by_reason() == {"web_address": 1}


@pytest.mark.parametrize("ending", [".jfif", ".jpe", ".jif", ".JFI", ".pjpeg", ".pjp", ".Dib"])
def test_usual_endings_of_pictures_are_known(tmp_path, picture, ending):
    (tmp_path / f"1{ending}").write_bytes(picture(0, "BMP" if ending == ".Dib" else "JPEG"))
    (tmp_path / "1.txt").write_text("a cat", encoding="utf-8")
    examples, *_ = collect(open_source(str(tmp_path)))
    assert [one.image_id for one in examples] == [f"1{ending}"]


def test_heic_beside_other_pictures_is_a_reject_of_its_own(tmp_path, picture):
    for name, content in (("1.jpg", picture(0, "JPEG")), ("2.HEIC", b"\0\0\0\x18ftypheic")):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).with_suffix(".txt").write_text("a cat", encoding="utf-8")
    examples, report, _ = collect(open_source(str(tmp_path)))
    assert len(list(examples)) == 1 and report.by_reason() == {"heic": 1}


def test_what_was_done_to_colours_is_counted(captioned, picture):
    folder = captioned([{"image": f"{place}.png", "captions": ["a"]} for place in range(3)])
    (folder / "1.png").write_bytes(picture(7, icc_profile=b"damaged"))
    examples, report, _ = collect(open_source(str(folder)))
    assert len(list(examples)) == 3
    assert report.mended == {"language guessed": 3, DAMAGED_PROFILE: 1}
