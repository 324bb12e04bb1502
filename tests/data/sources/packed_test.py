"""Tar shards and Parquet files, which hold the pictures themselves."""

import bz2
import errno
import gzip
import io
import json
import lzma
import pickle
import tarfile
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.base.errors import DataError
from data.sources import Limits, Reject, RejectReport, open_source, sift


def write_tar(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content or b""))


def write_parquet(path, columns, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)


def kept_and_left_out(source):
    report = RejectReport()
    return list(sift(source, report)), report.rejects


def test_shards_of_webdataset(tmp_path, picture):
    said = {"caption": "from the json", "url": "http://a.example", "punsafe": 0.1, "own": {"a": 1}}
    write_tar(
        tmp_path / "00000.tar",
        [
            ("./0.jpg", picture(0, "JPEG")),
            ("./0.txt", b"one\n\ntwo"),
            ("./0.json", json.dumps({**said, "language": "de"}).encode()),
            ("1.png", picture(1)),
            ("1.mask.png", picture(9)),
            ("1.json", json.dumps(said).encode()),
        ],
    )
    # Members of one key need not stand together.
    write_tar(tmp_path / "00001.tar.gz", [("2.PNG", picture(2)), ("3.png", picture(3)),
                                          ("3.caption", b"three"), ("2.txt", b"two")])  # fmt: skip
    source = pickle.loads(pickle.dumps(open_source(str(tmp_path))))
    kept, rejects = kept_and_left_out(source)
    assert not rejects
    assert [(one.row.where, one.row.captions, one.row.split) for one in kept] == [
        ("00000.tar:0.jpg", ("one", "two"), None),
        ("00000.tar:1.png", ("from the json",), None),
        ("00001.tar.gz:2.png", ("two",), None),
        ("00001.tar.gz:3.png", ("three",), None),
    ]
    assert kept[0].row.languages == ("de", "de")
    assert len({one.row.image_id for one in kept}) == 4
    whole = open_source(str(tmp_path), text_captions="whole")
    assert next(iter(whole.rows())).captions == ("one two",)
    assert whole.fingerprint() != source.fingerprint()
    assert [len(list(source.rows(part))) for part in source.parts()] == [2, 2]


def test_bad_members_are_rejects_with_shard_and_key(tmp_path, picture):
    write_tar(
        tmp_path / "a.tar",
        [
            ("0.txt", b"no picture"),
            ("1.png", picture(1)),
            ("2.png", b"x" * 999),
            ("2.txt", b"too large"),
            ("3.png", None),
            ("4.png", picture(4)),
            ("4.json", b"{"),
            ("5.png", b"no picture"),
            ("5.txt", b"not an image"),
            ("6.png", picture(6)),
            ("6.json", b"[1]"),
            ("7.png", picture(7)),
            ("7.txt", b"caf\xe9"),
            ("._8.png", b"of an editor"),
        ],
    )
    kept, rejects = kept_and_left_out(open_source(str(tmp_path), limits=Limits(max_file_bytes=950)))
    assert not kept
    assert {one.where: one.reason for one in rejects} == {
        "a.tar:0": "missing_file",
        "a.tar:1.png": "empty_caption",
        "a.tar:2.png": "too_large",
        "a.tar:3.png": "unreadable_file",
        "a.tar:4.png": "malformed_row",
        "a.tar:5.png": "not_an_image",
        "a.tar:6.png": "malformed_row",
        "a.tar:7.png": "invalid_utf8",
    }


def test_names_of_shards_are_splits(tmp_path, picture):
    for number, split in enumerate(("train", "validation")):
        write_tar(tmp_path / split / "0.tar", [("0.png", picture(number)), ("0.caption.txt", b"a")])
    assert [row.split for row in open_source(str(tmp_path)).rows()] == ["train", "val"]
    assert [row.where for row in open_source(str(tmp_path)).rows()] == [
        "train/0.tar:0.png",
        "validation/0.tar:0.png",
    ]


def parquet_of(picture, count=3):
    return {
        "image": [{"bytes": picture(n), "path": f"{n}.png"} for n in range(count)],
        "captions": [[f"a {n}", f"b {n}"] for n in range(count)],
        "width": [4] * count,
    }


def test_parquet_with_pictures(tmp_path, picture):
    columns = parquet_of(picture)
    columns["image"][1] = {"bytes": None, "path": "1.png"}
    write_parquet(tmp_path / "data/train-00000-of-00001.parquet", columns, row_group_size=2)
    plain = {"jpg": [picture(7), b"no picture"], "caption": ["seven", "bad"]}
    write_parquet(tmp_path / "data/test-00000-of-00001.parquet", plain)
    kept, rejects = kept_and_left_out(open_source(str(tmp_path)))
    train, test = (f"data/{split}-00000-of-00001.parquet" for split in ("train", "test"))
    assert [(one.row.where, one.row.captions, one.row.split) for one in kept] == [
        (f"{test}:1", ("seven",), "test"),
        (f"{train}:1", ("a 0", "b 0"), "train"),
        (f"{train}:3", ("a 2", "b 2"), "train"),
    ]
    assert [(one.where, one.reason) for one in rejects] == [
        (f"{test}:2", "not_an_image"),
        (f"{train}:2", "no_bytes"),
    ]


def test_parquet_with_names_of_pictures_is_a_table(tmp_path, picture):
    (tmp_path / "0.png").write_bytes(picture(0))
    names = {"file_name": ["0.png", "0.png"], "text": ["one", "two"], "mood": ["gay", None]}
    write_parquet(tmp_path / "metadata.parquet", names)
    source = open_source(str(tmp_path))
    reject, row = source.rows()
    assert isinstance(reject, Reject)
    assert (reject.where, reject.reason) == ("metadata.parquet:1", "unknown_key")
    assert row.captions == ("two",)


def test_parquet_without_captions_is_named_with_its_columns(tmp_path, picture):
    write_parquet(tmp_path / "data/a.parquet", {"image": [picture(0)], "label": [1]})
    for path in (tmp_path, tmp_path / "data/a.parquet"):
        with pytest.raises(DataError, match="'image', 'label'") as caught:
            open_source(str(path))
        assert caught.value.where == str(tmp_path / "data/a.parquet")


@pytest.mark.parametrize("cut", [10, 700])
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.parquet"])
def test_a_cut_file_is_named(tmp_path, picture, name, cut):
    path = tmp_path / name
    if name.endswith("parquet"):
        write_parquet(path, parquet_of(picture))
    else:
        write_tar(path, [("0.png", picture(0, side=40)), ("0.txt", b"a")])
    path.write_bytes(
        path.read_bytes()[:-cut] if "parquet" in name else path.read_bytes()[: cut + 40]
    )
    with pytest.raises(DataError, match=r"no whole (tar|Parquet) file") as caught:
        list(open_source(str(path)).rows())
    assert caught.value.where == str(path)


def test_shards_in_several_languages(tmp_path, picture):
    said = {"caption_en": "a dog", "captions_de": ["ein Hund"], "image_id": "x", "key": "0"}
    write_tar(
        tmp_path / "0.tar",
        [
            ("0.png", picture(0)),
            ("0.json", json.dumps(said).encode()),
            ("1.png", picture(1)),
            ("1.fr.txt", b"un chien"),
            ("1.txt", b"a dog"),
            ("1.json", json.dumps({**said, "split": "val"}).encode()),
        ],
    )
    first, second = open_source(str(tmp_path)).rows()
    assert (first.captions, first.languages) == (("a dog", "ein Hund"), ("en", "de"))
    assert (second.captions, second.languages) == (("un chien", "a dog"), ("fr", "en"))
    assert second.split == "val"


def write_arrow(path, columns, *, stream=True, rows=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns)
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)


def state_of(*names):
    return json.dumps({"_data_files": [{"filename": name} for name in names]})


@pytest.mark.parametrize("stream", [True, False])
def test_a_set_that_datasets_has_saved(tmp_path, picture, stream):
    columns = parquet_of(picture, 5)
    halves = [
        {name: held[part] for name, held in columns.items()} for part in (slice(3), slice(3, 5))
    ]
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    for number, half in enumerate(halves):
        write_arrow(tmp_path / f"train/data-0000{number}-of-00002.arrow", half, stream=stream)
    write_arrow(tmp_path / "train/data-00000-of-00001.arrow", columns)
    write_arrow(
        tmp_path / "test/data-00000-of-00001.arrow", parquet_of(lambda n: picture(9 + n), 1)
    )
    names = [f"data-0000{number}-of-00002.arrow" for number in range(2)]
    (tmp_path / "train/state.json").write_text(state_of(*names))
    (tmp_path / "test/state.json").write_text(state_of("data-00000-of-00001.arrow"))
    for split in ("train", "test"):
        features = {"image": {"_type": "Image"}, "text": {"_type": "Value"}}
        (tmp_path / split / "dataset_info.json").write_text(json.dumps({"features": features}))
    source = pickle.loads(pickle.dumps(open_source(str(tmp_path))))
    kept, rejects = kept_and_left_out(source)
    assert not rejects
    # A file that state.json does not name is an older one.
    assert [(one.row.where, one.row.captions, one.row.split) for one in kept] == [
        ("test/data-00000-of-00001.arrow:1", ("a 0", "b 0"), "test"),
        *((f"train/{names[0]}:{n + 1}", (f"a {n}", f"b {n}"), "train") for n in range(3)),
        *((f"train/{names[1]}:{n - 2}", (f"a {n}", f"b {n}"), "train") for n in (3, 4)),
    ]
    (tmp_path / "train" / names[1]).unlink()
    with pytest.raises(DataError, match="not there") as caught:
        open_source(str(tmp_path))
    assert caught.value.where == str(tmp_path / "train/state.json")


def test_the_caches_of_datasets_are_not_read(tmp_path, picture):
    write_arrow(tmp_path / "shapes-train.arrow", parquet_of(picture))
    write_arrow(tmp_path / "cache-0123.arrow", parquet_of(picture))
    write_arrow(tmp_path / "tmpabc.arrow", {"indices": [1]})
    assert [row.where for row in open_source(str(tmp_path)).rows()] == [
        f"shapes-train.arrow:{n}" for n in (1, 2, 3)
    ]


def test_feather_and_arrow_with_names_are_tables(tmp_path, picture):
    (tmp_path / "0.png").write_bytes(picture(0))
    columns = {"file_name": ["0.png"], "caption_en": ["a dog"], "caption_de": ["ein Hund"]}
    write_arrow(tmp_path / "captions.arrow", columns)
    (row,) = open_source(str(tmp_path)).rows()
    assert (row.captions, row.languages) == (("a dog", "ein Hund"), ("en", "de"))
    (tmp_path / "captions.arrow").unlink()
    write_arrow(tmp_path / "x.feather", columns, stream=False)
    assert next(iter(open_source(str(tmp_path)).rows())).image == "0.png"


@pytest.mark.parametrize("many", [2, 21])
@pytest.mark.parametrize("name", ["{}/{}.parquet", "{}-{}.parquet", "data/{}-{}.arrow"])
def test_splits_of_one_file_beside_one_of_several(tmp_path, picture, name, many):
    """Where the files of a split are many, none of them may be passed over."""
    sizes = {"test": 1, "train": many, "validation": 1}
    for split, count in sizes.items():
        for number in range(count):
            write = write_arrow if name.endswith("arrow") else write_parquet
            write(tmp_path / name.format(split, number), parquet_of(picture, 1))
    found = Counter(row.split for row in open_source(str(tmp_path)).rows())
    assert found == {"test": 1, "train": many, "val": 1}


def test_pictures_that_lie_elsewhere_or_are_no_pictures(tmp_path, picture):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": None, "path": "/home/1.png"}, None, {"bytes": picture(0), "path": None}]
    table = {"image": pa.array(rows, kind), "text": ["a", "b", "c"]}
    write_arrow(tmp_path / "a.arrow", table)
    kept, rejects = kept_and_left_out(open_source(str(tmp_path)))
    assert [one.row.where for one in kept] == ["a.arrow:3"]
    assert [(one.where, one.reason) for one in rejects] == [
        ("a.arrow:1", "no_bytes"), ("a.arrow:2", "no_bytes")
    ]  # fmt: skip
    assert "/home/1.png" in rejects[0].detail
    lists = [
        [{"bytes": picture(0), "path": ""}],
        [{"bytes": picture(n), "path": ""} for n in (1, 2)],
    ]
    write_arrow(tmp_path / "a.arrow", {"images": lists, "text": ["a", "b"]})
    kept, rejects = kept_and_left_out(open_source(str(tmp_path)))
    assert [one.row.where for one in kept] == ["a.arrow:1"]
    assert [(one.where, one.reason) for one in rejects] == [("a.arrow:2", "wrong_type")]
    write_arrow(tmp_path / "a.arrow", {"image": [[[[0]]]], "text": ["a"]})
    with pytest.raises(DataError, match="neither") as caught:
        open_source(str(tmp_path))
    assert "datasets.Image()" in caught.value.remedy


def test_a_table_of_addresses_is_told_how_to_fetch_them(tmp_path):
    write_parquet(tmp_path / "a.parquet", {"URL": ["https://a"], "TEXT": ["a"]})
    with pytest.raises(DataError) as caught:
        open_source(str(tmp_path))
    assert "--input_format parquet --url_col URL --caption_col TEXT" in caught.value.remedy


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("cut", [1, 8, 300])
def test_a_cut_arrow_file_is_named(tmp_path, picture, stream, cut):
    path = tmp_path / "a.arrow"
    write_arrow(path, parquet_of(picture), stream=stream)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match="no whole Arrow file") as caught:
        list(open_source(str(path)).rows())
    assert caught.value.where == str(path)


PACKED = {
    ".tar.gz": gzip.compress,
    ".tgz": gzip.compress,
    ".tar.bz2": bz2.compress,
    ".tar.xz": lzma.compress,
    ".tar.zst": lambda content: pa.compress(content, "zstd", asbytes=True),
    ".TAR.ZST": lambda content: pa.compress(content, "zstd", asbytes=True),
}


@pytest.mark.parametrize("ending", PACKED)
def test_packed_shards(tmp_path, picture, ending):
    write_tar(
        tmp_path / "x.tar",
        [("0.txt", b"a dog"), ("0.png", picture(0)), ("1.png", picture(1)), ("1.txt", b"a cat")],
    )
    content = PACKED[ending]((tmp_path / "x.tar").read_bytes())
    (tmp_path / "x.tar").unlink()
    path = tmp_path / f"x{ending}"
    path.write_bytes(content)
    kept, rejects = kept_and_left_out(open_source(str(tmp_path)))
    assert [one.row.captions for one in kept] == [("a dog",), ("a cat",)] and not rejects
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="no whole tar file") as caught:
        list(open_source(str(tmp_path)).rows())
    assert caught.value.where == str(path)


def test_a_full_disk_is_no_damaged_shard(tmp_path, picture, monkeypatch):
    write_tar(tmp_path / "x.tar.gz", [("0.txt", b"a dog"), ("0.png", picture(0))])

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(OSError, match="No space"):
        list(open_source(str(tmp_path)).rows())


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 12\n"


@pytest.mark.parametrize(
    "name", ["0.tar", "0.tar.gz", "0.parquet", "0.arrow", "captions.csv", "captions.json"]
)
def test_a_pointer_of_git_lfs_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(POINTER)
    with pytest.raises(DataError, match="Git LFS") as caught:
        list(open_source(str(tmp_path)).rows())
    assert caught.value.where == str(tmp_path / name) and "git lfs pull" in caught.value.remedy
