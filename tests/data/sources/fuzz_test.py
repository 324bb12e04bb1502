"""Whatever stands in the files: no source falls over, and every row is accounted for."""

import csv
import io
import json
import tempfile
from codecs import BOM_UTF8
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from data.base.errors import DataError
from data.sources import RejectReport, open_source, sift
from data.sources.rows import REMEDIES, Limits, Policies

PICTURES = 8
RELAXED = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
LIMITS = Limits(max_caption_characters=40)

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=True) | st.text()
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
CAPTIONS = st.lists(st.text(max_size=60) | ANYTHING, max_size=3) | ANYTHING
SPLIT = st.sampled_from(["train", "val", "test", "", " train", "dev"]) | ANYTHING
POLICIES = st.builds(
    Policies,
    bad_caption=st.sampled_from(["keep", "drop", "fill"]),
    no_caption=st.sampled_from(["drop", "fill"]),
    missing_language=st.sampled_from(["fill", "drop"]),
    bad_language=st.sampled_from(["fill", "drop"]),
    missing_attributes=st.sampled_from(["keep", "drop", "fill"]),
    bad_attributes=st.sampled_from(["keep", "drop", "fill"]),
    bad_split=st.sampled_from(["fill", "drop"]),
    unknown_key=st.sampled_from(["keep", "drop"]),
    caption_fill=st.just("something"),
    attributes_fill=st.just(("kind:unknown",)),
)


def picture(seed):
    target = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


FILES = {f"{seed}.png": picture(seed) for seed in range(PICTURES)}


@st.composite
def records(draw):
    """A few records, the pictures of which are all different."""
    made = []
    for place in range(draw(st.integers(1, PICTURES))):
        record = {
            "image": draw(st.sampled_from([f"{place}.png", f"./{place}.png", f"gone{place}"]))
        }
        for key, values in (
            ("captions", CAPTIONS),
            ("caption", CAPTIONS),
            ("language", st.sampled_from(["en", "zh-Hans", ["en", "zh"]]) | ANYTHING),
            ("attributes", ANYTHING),
            ("split", SPLIT),
            ("other", ANYTHING),
        ):
            if draw(st.booleans()):
                record[key] = draw(values)
        made.append(draw(st.just(record) | ANYTHING))
    return made


def outcome(content, name, **options):
    """Writes one file beside the pictures; returns what was kept, and the report."""
    with tempfile.TemporaryDirectory() as folder:
        for file, encoded in FILES.items():
            Path(folder, file).write_bytes(encoded)
        Path(folder, name).write_bytes(content)
        source = open_source(str(Path(folder, name)), limits=LIMITS, **options)
        report = RejectReport()
        kept = list(sift(source, report, LIMITS))
        source.fingerprint()
    assert len(kept) == report.kept
    for loaded in kept:
        check_row(loaded.row, loaded.example())
    for reject in report.rejects:
        assert reject.reason in REMEDIES and reject.where.startswith(name)
        json.loads(reject.to_json())
    return kept, report


def check_row(row, example):
    """Whatever was written, what is kept keeps the contract of a captioned image."""
    assert example.captions and len(example.captions) == len(example.languages)
    for text in (*example.captions, *example.attributes, *example.languages):
        assert text.strip() == text and text.encode("utf-8")
    assert example.split in ("train", "val", "test")
    assert row.where


@RELAXED
@given(records(), POLICIES)
def test_every_line_of_jsonl_comes_out_once(made, policies):
    lines = [json.dumps(record).encode() for record in made]
    kept, report = outcome(b"\n".join(lines), "captions.jsonl", policies=policies)
    assert len(kept) + len(report.rejects) == len(lines)
    assert sum(report.by_reason().values()) == len(report.rejects)


@RELAXED
@given(records())
def test_every_caption_of_a_kept_row_is_kept_or_counted(made):
    lines = [json.dumps(record).encode() for record in made]
    kept, report = outcome(b"\n".join(lines), "captions.jsonl")
    for loaded in kept:
        record = made[int(loaded.row.where.partition(":")[2]) - 1]
        given_texts = [
            text
            for key in ("captions", "caption")
            for value in [record.get(key)]
            for text in (value if isinstance(value, list) else [value])
            if text is not None or isinstance(value, list)
        ]
        assert len(loaded.row.captions) + len(loaded.row.dropped) == len(given_texts)
    assert report.dropped_captions.total() == sum(len(one.row.dropped) for one in kept)


@RELAXED
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6))
def test_lines_of_any_bytes_are_refused_one_by_one(lines):
    content = b"\n".join(lines)
    filled = [line for line in content.removeprefix(BOM_UTF8).split(b"\n") if line.strip()]
    if filled:
        kept, report = outcome(content, "captions.jsonl")
        assert len(kept) + len(report.rejects) == len(filled)


@RELAXED
@given(records())
def test_every_record_of_a_json_list_comes_out_once(made):
    try:
        kept, report = outcome(json.dumps(made).encode(), "captions.json")
    except DataError as error:  # No record names one of the pictures.
        assert "ingest.images" in error.remedy
    else:
        assert len(kept) + len(report.rejects) == len(made)


# A record of a table ends with its line; inside a cell a line may break.
CELL = st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]), max_size=20)


@RELAXED
@given(
    st.lists(st.tuples(CELL, CELL, SPLIT.filter(lambda one: isinstance(one, str))), max_size=6),
    st.sampled_from(",;"),
)
def test_every_record_of_a_table_comes_out_once(cells, delimiter):
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["image", "caption", "language", "split"])
    clean = str.maketrans("", "", "\r\x00")
    for place, (caption, language, split) in enumerate(cells):
        writer.writerow([f"{place}.png", caption, language, split.translate(clean)])
    content = target.getvalue().encode("utf-8", "surrogatepass")
    if not cells:
        with pytest.raises(DataError, match="no record"):
            outcome(content, "captions.csv")
        return
    kept, report = outcome(content, "captions.csv")
    assert len(kept) + len(report.rejects) == len(cells)


@RELAXED
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [f"captions.{ending}" for ending in ("csv", "tsv", "json", "csv.gz", "tar", "parquet")]
    ),
)
def test_files_of_any_bytes_are_refused_with_a_place(content, name):
    header = {".csv": b"image,caption\n", ".tsv": b"image\tcaption\n"}.get(Path(name).suffix, b"")
    try:
        kept, report = outcome(header + content, name)
    except DataError as error:
        assert error.where and error.remedy
    else:
        assert kept or report.rejects


@st.composite
def coco(draw):
    """The two lists of a COCO file; the first image is sound, so that its folder is found."""
    ids = st.integers(0, 4) | st.text(max_size=2) | ANYTHING
    images = [{"id": 0, "file_name": "0.png"}]
    for place in range(1, draw(st.integers(1, PICTURES))):
        image = {"id": draw(ids), "file_name": f"{place}.png", "split": draw(SPLIT)}
        images.append(draw(st.just(image) | ANYTHING))
    annotation = st.fixed_dictionaries(
        {"image_id": ids, "caption": st.text(max_size=60) | ANYTHING}
    )
    return {"images": images, "annotations": draw(st.lists(annotation | ANYTHING, max_size=6))}


@RELAXED
@given(coco())
def test_every_image_and_every_faulty_annotation_of_coco_comes_out_once(content):
    kept, report = outcome(json.dumps(content).encode(), "captions.json")
    faulty = [one for one in report.rejects if "annotations[" in one.where]
    assert len(kept) + len(report.rejects) - len(faulty) == len(content["images"])
    ids = [image.get("id") for image in content["images"] if isinstance(image, dict)]
    if all(isinstance(one, int | str) for one in ids) and len({*map(str, ids)}) == len(ids):
        said = sum(len(one.row.captions) + len(one.row.dropped) for one in kept)
        lost = {one.where for one in report.rejects} - {one.where for one in faulty}
        assert said <= len(content["annotations"]) - len(faulty)
        assert lost or said == len(content["annotations"]) - len(faulty)


@RELAXED
@given(st.integers(0, 400), st.binary(min_size=1, max_size=8), st.integers(0, 60))
def test_damaged_pictures_are_kept_or_refused(start, damage, cut):
    encoded = FILES["0.png"]
    start = min(start, len(encoded))
    broken = encoded[:start] + damage + encoded[start + len(damage) : len(encoded) - cut]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.png").write_bytes(broken)
        Path(folder, "captions.jsonl").write_text('{"image": "a.png", "captions": ["a"]}')
        report = RejectReport()
        kept = list(sift(open_source(folder), report))
    assert len(kept) + len(report.rejects) == 1
