"""What `check` says of good and of bad data."""

import json

import numpy as np
import pytest
from PIL import Image

from data.check import check
from data.check_text import render
from data.sources import open_source


@pytest.fixture
def folder(tmp_path):
    """Six good pictures of three sizes, two in each split, and two rows that cannot be used."""
    generator = np.random.default_rng(0)
    lines = []
    for place in range(6):
        side = (16, 32, 64)[place % 3]
        pixels = generator.integers(0, 256, (side, 2 * side, 3), dtype=np.uint8)
        name = f"{place}.{'png' if place < 4 else 'jpg'}"
        Image.fromarray(pixels).save(tmp_path / name)
        lines.append(
            {
                "image": name,
                "captions": ["A dog, a big-eyed dog", "一只狗", " "],
                "split": ("train", "val", "test")[place // 2],
                "attributes": {"colour": ("red", "blue")[place % 2], "object": "dog"},
            }
        )
    lines += [{"image": "gone.png", "captions": ["a"]}, {"image": "0.png", "captions": 3}]
    text = "\n".join(json.dumps(line) for line in lines)
    (tmp_path / "captions.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def test_figures(folder):
    result = check(open_source(str(folder)), resolution=32, max_reject_share=0.5)
    assert result.pictures == 6 and result.ok
    assert result.splits == {"train": 2, "val": 2, "test": 2}
    assert result.formats == {"PNG": 4, "JPEG": 2}
    assert result.modes == {"RGB": 6}
    assert (result.heights.low, result.heights.median, result.heights.high) == (16, 32, 64)
    assert result.widths.high == 128
    assert result.smaller == 2
    english, chinese = result.captions["en"], result.captions["zh"]
    assert (english.count, english.distinct, english.words.median) == (6, 1, 5)
    assert english.vocabulary == 4 - 1
    assert (chinese.count, chinese.words.high, chinese.vocabulary) == (6, 3, 3)
    assert result.attributes == {"colour": 2, "object": 1}
    assert result.rejects == {"missing_file": 1, "wrong_type": 1}
    assert result.dropped_captions == {"empty_caption": 6}


def test_problems_name_what_where_and_remedy(folder):
    result = check(open_source(str(folder)), resolution=32, max_reject_share=0.1)
    assert not result.ok
    stops = [problem for problem in result.problems if problem.stops]
    assert [problem.where for problem in stops] == ["captions.jsonl:7", "captions.jsonl:8"]
    assert list(result.problems[:2]) == stops
    assert "gone.png" in stops[0].what and "correct the path" in stops[0].remedy
    notes = " ".join(problem.what for problem in result.problems[2:])
    for expected in (
        "6 empty_caption",
        "6 pictures are few",
        "2 of 6 pictures are smaller than 32",
    ):
        assert expected in notes


def test_an_empty_split_stops(folder):
    lines = (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "captions.jsonl").write_text("\n".join(lines[:4]), encoding="utf-8")
    result = check(open_source(str(folder)))
    assert not result.ok
    assert [problem.what for problem in result.problems if problem.stops] == [
        "no picture is in test"
    ]


def test_nothing_usable_is_a_result_too(folder):
    (folder / "captions.jsonl").write_text('{"image": "gone.png", "captions": ["a"]}\n')
    result = check(open_source(str(folder)), max_reject_share=1)
    assert result.pictures == 0 and not result.ok
    assert result.problems[0].stops and result.problems[0].where == "captions.jsonl:1"
    assert "missing_file 1" in render(result)


def test_json_and_text_say_the_same(folder):
    result = check(open_source(str(folder)), resolution=32)
    held = json.loads(result.to_json())
    assert held["ok"] is False
    assert held["captions"]["zh"]["count"] == 6
    assert held["problems"][0]["where"] == "captions.jsonl:7"
    text = render(result)
    for expected in (
        "6 (train 2, val 2, test 2)",
        "PNG 4, JPEG 2",
        "zh: 6 (1 distinct)",
        "STOPS  captions.jsonl:7",
        "A run would stop on this data.",
    ):
        assert expected in text


def test_pictures_pass_through_the_progress_bar(folder):
    seen = []

    def bar(pictures):
        for picture in pictures:
            seen.append(picture)
            yield picture

    check(open_source(str(folder)), progress=bar)
    assert len(seen) == 6
