"""The Beam steps alone: what is kept, what is rejected, and that nothing else decides the bytes."""

import io
import json
import tarfile
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from PIL import Image

from components.caption_example_gen import elements, ingest, options
from components.caption_example_gen.options import IngestOptions
from data.base.errors import DataError
from data.schema import from_example
from data.sources import collect, open_source


def _save(path, shade, size=12):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new("RGB", (size, size), (shade, 255 - shade, 7)).save(path)


def _folder(root, rows):
    """Writes a captioned folder; a row without a picture gets one of a colour of its own."""
    for number, row in enumerate(rows):
        if not (root / row["image"]).exists():
            _save(root / row["image"], 3 * number)
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    (root / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return str(root)


def _rows(count):
    return [
        {
            "image": f"{number}.png",
            "captions": [f"picture {number}", "图"],
            "attributes": ["object:square"],
            "split": ("train", "train", "val", "test")[number % 4],
        }
        for number in range(count)
    ]


def _run(path, directory, mode="multi_threading", **values):
    settings = IngestOptions.from_mapping(values)
    arguments = ["--runner=FnApiRunner", "--direct_num_workers=2"]
    arguments.append(f"--direct_running_mode={mode}")
    with beam.Pipeline(argv=arguments) as pipeline:
        ingest.ingest(pipeline, settings.open(path), str(directory), settings)
    return json.loads((directory / ingest.OUTCOME).read_text(encoding="utf-8"))


def _read(directory):
    files = sorted(map(str, directory.glob("Split-*/data_tfrecord-*-of-*.gz")))
    records = tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()
    return [from_example(record) for record in records]


def _count(outcome, what):
    return {kind: number for name, kind, number in outcome["tally"] if name == what}


def test_examples_carry_the_whole_row(tmp_path):
    _run(_folder(tmp_path / "set", _rows(8)), tmp_path / "out")
    examples = {one.image_id: one for one in _read(tmp_path / "out")}
    assert len(examples) == 8
    one = examples["3.png"]
    assert one.encoded == (tmp_path / "set/3.png").read_bytes()
    assert (one.height, one.width, one.channels) == (12, 12, 3)
    assert one.captions == ("picture 3", "图")
    assert one.languages == ("en", "zh")
    assert one.attributes == ("object:square",)
    assert one.split == "test"
    held = [one.name for one in (tmp_path / "out/Split-test").iterdir()]
    assert held == ["data_tfrecord-00000-of-00001.gz"]


def test_bytes_do_not_depend_on_order_or_workers(tmp_path):
    rows = _rows(12)
    first = _folder(tmp_path / "first", rows)
    second = _folder(tmp_path / "second", rows)
    reordered = "\n".join(json.dumps(row) for row in rows[::-1])
    Path(second, "captions.jsonl").write_text(reordered)
    _run(first, tmp_path / "a")
    _run(second, tmp_path / "b", mode="in_memory")
    for file in sorted((tmp_path / "a").glob("Split-*/*")):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


def test_pictures_wait_in_files_and_come_out_the_same(tmp_path, monkeypatch):
    rows = [*_rows(12), {**_rows(1)[0], "split": "test"}]
    rows[-1]["image"] = "copy.png"
    _save(tmp_path / "set" / "copy.png", 0)
    path = _folder(tmp_path / "set", rows)
    waited = _run(path, tmp_path / "files")
    assert sum(one.stat().st_size for one in (tmp_path / "files/spool").iterdir()) > 12 * 100
    monkeypatch.setattr(ingest, "_groups_in_memory", lambda pipeline: False)
    handed_on = _run(path, tmp_path / "hands")
    assert not (tmp_path / "hands/spool").exists()
    assert waited == handed_on and _count(waited, "rejects") == {"duplicate_across_splits": 1}
    for file in sorted((tmp_path / "files").glob("Split-*/*")):
        same = tmp_path / "hands" / file.relative_to(tmp_path / "files")
        assert file.read_bytes() == same.read_bytes()


def test_copies_are_not_counted(tmp_path):
    rows = _rows(4)
    _save(tmp_path / "set" / "copy.bmp", 0)
    rows.append({"image": "copy.bmp", "captions": ["encore"], "language": "fr"})
    outcome = _run(_folder(tmp_path / "set", rows), tmp_path / "out")
    assert _count(outcome, "formats") == {"PNG RGB": 4}
    assert _count(outcome, "captions") == {"en": 4, "zh": 4}
    sizes = {name: (tmp_path / "set" / name).stat().st_size for name in ("0.png", "1.png")}
    assert _count(outcome, "bytes")["train"] == sum(sizes.values())


def test_copies_are_rejected_wherever_they_stand(tmp_path):
    rows = _rows(4)
    for copy in ("copy.png", "copy.bmp"):
        (tmp_path / "set").mkdir(exist_ok=True)
        _save(tmp_path / "set" / copy, 0)
        rows.append({"image": copy, "captions": ["again"], "split": "test"})
    outcome = _run(_folder(tmp_path / "set", rows), tmp_path / "out")
    assert _count(outcome, "rejects") == {"duplicate_across_splits": 2}
    assert sum(_count(outcome, "pictures").values()) == 4
    rejects = [json.loads(line) for line in outcome["rejects"]]
    assert [one["where"] for one in rejects] == ["captions.jsonl:5", "captions.jsonl:6"]


def test_every_fault_is_counted_by_reason(tmp_path):
    rows = [*_rows(3), {"image": "gone.png", "captions": ["x"]}, {"image": "e.png", "captions": []}]
    path = _folder(tmp_path / "set", rows)
    (tmp_path / "set/gone.png").unlink()
    (tmp_path / "set/1.png").write_text("no picture at all")
    outcome = _run(path, tmp_path / "out")
    assert _count(outcome, "rejects") == {
        "missing_file": 1,
        "empty_caption": 1,
        "not_an_image": 1,
    }
    assert _count(outcome, "captions") == {"en": 2, "zh": 2}


def test_a_large_split_is_cut_into_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "_SHARD_BYTES", 300)
    outcome = _run(_folder(tmp_path / "set", _rows(40)), tmp_path / "out")
    counts = elements.Tally({(what, kind): count for what, kind, count in outcome["tally"]})
    ingest.fill_gaps(str(tmp_path / "out"), counts)
    names = sorted(one.name for one in (tmp_path / "out/Split-train").iterdir())
    assert len(names) > 2
    assert names == [
        f"data_tfrecord-{index:05d}-of-{len(names):05d}.gz" for index in range(len(names))
    ]
    assert len(_read(tmp_path / "out")) == 40


def test_max_pictures_draws_the_same_ones(tmp_path):
    path = _folder(tmp_path / "set", _rows(20))
    drawn = []
    for name in ("a", "b"):
        _run(path, tmp_path / name, max_pictures=5)
        drawn.append([one.image_id for one in _read(tmp_path / name)])
    lowest = sorted((row["image"] for row in _rows(20)), key=options.lot)[:5]
    assert sorted(drawn[0]) == sorted(lowest)
    assert drawn[0] == drawn[1]


def test_an_unreadable_part_is_reported_not_raised(tmp_path):
    path = tmp_path / "captions.json"
    path.write_text('{"images": [], "annotations": 5}')
    outcome = _run(str(path), tmp_path / "out")
    assert outcome["failures"][0][0] == str(path)
    assert _read(tmp_path / "out") == []


def test_counters_of_the_runner_name_the_reasons(tmp_path):
    path = _folder(tmp_path / "set", [*_rows(3), {"image": "e.png", "captions": []}])
    settings = IngestOptions()
    pipeline = beam.Pipeline(argv=["--runner=FnApiRunner"])
    ingest.ingest(pipeline, settings.open(path), str(tmp_path / "out"), settings)
    counters = pipeline.run().metrics().query()["counters"]
    by_name = {one.key.metric.name: one.committed for one in counters}
    assert by_name["rejects/empty_caption"] == 1
    assert by_name["pictures/train"] == 2


def test_small_sets_have_exact_shares_and_say_so_in_each_example(tmp_path):
    rows = [{"image": f"{n}.png", "captions": [f"picture {n}"]} for n in range(20)]
    outcome = _run(_folder(tmp_path / "set", rows), tmp_path / "out")
    assert _count(outcome, "pictures") == {"train": 16, "val": 2, "test": 2}
    for split, count in (("train", 16), ("val", 2), ("test", 2)):
        held = tf.data.TFRecordDataset(
            sorted(map(str, (tmp_path / f"out/Split-{split}").iterdir())), "GZIP"
        )
        assert [from_example(one).split for one in held.as_numpy_iterator()] == [split] * count


def test_both_ways_of_reading_divide_alike(tmp_path):
    rows = [{"image": f"{n}.png", "captions": ["a"], "split": "train"} for n in range(40)]
    path = _folder(tmp_path / "set", rows)
    outcome = _run(path, tmp_path / "out")
    images, _, rule = collect(open_source(path))
    beam_splits = {one.image_id: one.split for one in _read(tmp_path / "out")}
    assert beam_splits == {one.image_id: one.split for one in images}
    assert _count(outcome, "pictures") == rule.pictures
    assert outcome["cut_splits"] == list(rule.sentences()) and len(outcome["cut_splits"]) == 2


def test_options_survive_json():
    made = IngestOptions.from_mapping({"limits": {"max_pixels": 100}, "shares": [0.5, 0.5, 0]})
    assert IngestOptions.from_json(made.to_json()) == made
    assert made.limits.max_pixels == 100


@pytest.mark.parametrize(
    ("values", "name"),
    [({"langauge": "en"}, "langauge"), ({"limits": {"pixels": 1}}, "pixels")],
)
def test_an_unknown_option_is_refused(values, name):
    with pytest.raises(DataError, match=name):
        IngestOptions.from_mapping(values)


def test_sections_come_largest_first():
    counts = elements.Tally({("a", "x"): 1, ("a", "y"): 3, ("b", "z"): 9})
    assert list(elements.tally_section(counts, "a").items()) == [("y", 3), ("x", 1)]


def _split_folders(root, pictures):
    for number, (name, path) in enumerate(pictures):
        split = ("train", "validation")[number % 2]
        (root / split).mkdir(parents=True, exist_ok=True)
        (root / split / name).write_bytes(path.read_bytes())
        with (root / split / "metadata.jsonl").open("a") as file:
            file.write(json.dumps({"file_name": name, "text": f"a {number}"}) + "\n")


def _shards(root, pictures):
    root.mkdir()
    for number, (name, path) in enumerate(pictures):
        with tarfile.open(root / f"{number % 2}.tar", "a") as tar:
            tar.add(path, name)
            text = tarfile.TarInfo(name.replace(".png", ".txt"))
            text.size = 3
            tar.addfile(text, io.BytesIO(b"a %d" % number))


def _parquet(root, pictures):
    root.mkdir()
    images = [{"bytes": path.read_bytes(), "path": name} for name, path in pictures]
    texts = [f"a {number}" for number in range(len(images))]
    table = pa.table({"image": images, "text": texts})
    pq.write_table(table, root / "data-00000-of-00001.parquet", row_group_size=3)


@pytest.mark.parametrize("lay_out", [_split_folders, _shards, _parquet])
def test_data_sets_of_others_are_ingested_as_they_are_read(tmp_path, lay_out):
    _folder(tmp_path / "plain", _rows(8))
    pictures = [(path.name, path) for path in sorted((tmp_path / "plain").glob("*.png"))]
    root = tmp_path / "set"
    lay_out(root, pictures)
    outcome = _run(str(root), tmp_path / "out")
    assert not outcome["rejects"] and not outcome["failures"]
    read = {one.encoded: one for one in collect(open_source(str(root)))[0]}
    ingested = {one.encoded: one for one in _read(tmp_path / "out")}
    assert set(read) == set(ingested) == {path.read_bytes() for _, path in pictures}
    for encoded, one in read.items():
        other = ingested[encoded]
        assert (one.image_id, one.captions, one.split) == (
            other.image_id,
            other.captions,
            other.split,
        )
