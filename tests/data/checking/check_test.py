"""What `check` says of good and of bad data."""

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from data.base.errors import DataError
from data.base.terminal import columns, fitted
from data.checking.check import check, unreadable
from data.checking.console import render
from data.checking.findings import CheckLimits
from data.checking.vocabulary_coverage import ModelWords
from data.sources import open_source

# Two pictures of each split are enough here, and they may have one caption.
FEW = CheckLimits(min_pictures=1, max_caption_share=1)


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
    result = check(open_source(str(folder)), resolution=32, max_reject_share=0.5, limits=FEW)
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
    assert english.lengths == {5: 6} and english.once == 0
    colours = result.attributes["colour"]
    assert (colours.pictures, colours.values, colours.commonest) == (6, 2, {"red": 3, "blue": 3})
    assert result.attributes["object"].values == 1
    assert result.mended == {"language guessed": 6}
    assert [len(result.samples), result.samples[0].jpeg[:2]] == [6, b"\xff\xd8"]
    assert result.reject_reasons == {"missing_file": 1, "wrong_type": 1}
    assert result.dropped_captions == {"empty_caption": 6}


def test_problems_name_what_where_and_remedy(folder):
    result = check(open_source(str(folder)), resolution=32, max_reject_share=0.1, limits=FEW)
    assert not result.ok
    stops = [finding for finding in result.findings if finding.stops]
    assert [finding.rows for finding in stops] == [("captions.jsonl:7",), ("captions.jsonl:8",)]
    assert list(result.findings[:2]) == stops
    assert "gone.png" in stops[0].what and "correct its path" in stops[0].remedy
    notes = " ".join(finding.what for finding in result.findings[2:])
    for expected in (
        "6 empty_caption",
        "6 pictures are few",
        "2 of 6 pictures are smaller than 32",
    ):
        assert expected in notes


def test_an_empty_split_stops(folder):
    lines = (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "captions.jsonl").write_text("\n".join(lines[:4]), encoding="utf-8")
    result = check(open_source(str(folder)), limits=FEW)
    assert not result.ok
    assert [finding.what for finding in result.findings if finding.stops] == [
        "test has 0 pictures, fewer than 1"
    ]


def test_nothing_usable_is_a_result_too(folder):
    (folder / "captions.jsonl").write_text('{"image": "gone.png", "captions": ["a"]}\n')
    result = check(open_source(str(folder)), max_reject_share=1)
    assert result.pictures == 0 and not result.ok
    assert result.findings[0].stops and result.findings[0].rows == ("captions.jsonl:1",)
    assert "missing_file 1" in render(result)


def test_json_and_text_say_the_same(folder):
    result = check(open_source(str(folder)), resolution=32)
    held = json.loads(result.to_json())
    assert held["ok"] is False
    assert held["captions"]["zh"]["count"] == 6
    assert held["findings"][0]["rows"] == ["captions.jsonl:7"]
    assert [reject["where"] for reject in held["rejects"]] == [
        "captions.jsonl:7",
        "captions.jsonl:8",
    ]
    assert "samples" not in held
    text = render(result)
    assert max(map(columns, text.splitlines())) <= 80
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


def test_pictures_that_no_row_names_are_told(folder):
    Image.new("RGB", (9, 9)).save(folder / "forgotten.png")
    found = {finding.check: finding for finding in check(open_source(str(folder))).findings}
    assert found["uncaptioned_files"].rows == ("forgotten.png",)


def test_a_source_that_cannot_be_read_is_a_result_too():
    result = unreadable("here", DataError("captions.csv:1", "it has no header", "Write one."))
    assert not result.ok
    assert "STOPS  captions.csv:1: it has no header\n       Write one." in render(result)
    assert json.loads(result.to_json())["findings"][0]["check"] == "unreadable_source"


@pytest.mark.parametrize("text", ["一" * 200, "word " * 60, "x" * 300, "一 a" * 50])
def test_lines_fit_a_terminal_and_lose_nothing(text):
    lines = list(fitted(f"note   {text}", " " * 7))
    assert max(map(columns, lines)) <= 80 and len(lines) > 2
    assert "".join("".join(lines).split()) == "".join(f"note{text}".split())


def test_words_that_a_model_does_not_know(folder):
    model = ModelWords("m", frozenset(("a", "dog", ",", "只", "狗")), frozenset(("object:dog",)))
    result = check(open_source(str(folder)), limits=FEW, model=model)
    assert result.model.tokens == {"en": 6 * 6, "zh": 3 * 6}
    assert result.model.unknown == {"en": 6, "zh": 6}
    assert result.model.commonest == {"big-eyed": 6, "一": 6}
    assert result.model.unknown_attributes == ("colour:blue", "colour:red")
    found = {finding.check: finding.what for finding in result.findings}
    assert "does not know 22.2% of the words" in found["unknown_words"]
    assert "2 of 3 attributes" in found["unknown_attributes"]
    assert "en 16.7%, zh 33.3%" in render(result)


def test_samples_stand_in_the_splits_that_a_run_would_have(tmp_path):
    for place in range(20):
        Image.new("RGB", (9, 9), (8 * place, 0, 0)).save(tmp_path / f"{place}.png")
    rows = (f'{{"image": "{n}.png", "captions": ["a"], "split": "train"}}' for n in range(20))
    (tmp_path / "captions.jsonl").write_text("\n".join(rows))
    result = check(open_source(str(tmp_path)))
    assert result.splits == {"train": 16, "val": 2, "test": 2}
    assert Counter(sample.split for sample in result.samples) == result.splits
    assert [one.check for one in result.findings].count("cut_split") == 2
