"""One folder with everything wrong in it: each fault is named with its line, the rest survives."""

import json
from pathlib import Path

import pytest
from PIL import ImageFile

from data.base.errors import DataError
from data.sources import collect, open_source
from tests.data.broken_rows import LINES, caption_lines, row, write_files


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "broken"
    folder.mkdir()
    write_files(folder)
    (folder / "captions.jsonl").write_bytes(caption_lines(folder))
    return folder


@pytest.fixture(scope="module")
def outcome(broken):
    examples, report, _ = collect(open_source(str(broken)))
    return list(examples), report


@pytest.mark.parametrize(
    ("line", "reason"),
    [(place, reason) for place, (_, reason) in enumerate(LINES, start=1) if reason],
    ids=str,
)
def test_each_fault_is_named_with_its_line(outcome, line, reason):
    _, report = outcome
    found = [reject for reject in report.rejects if reject.where == f"captions.jsonl:{line}"]
    assert [reject.reason for reject in found] == [reason]
    assert found[0].detail and found[0].remedy


def test_good_rows_survive_and_nothing_is_lost(outcome):
    examples, report = outcome
    good = [json.loads(line)["image"] for line, reason in LINES if reason is None]
    assert [example.image_id for example in examples] == [
        name.replace("./sub/../", "") for name in good
    ]
    assert report.kept == len(good)
    assert report.kept + len(report.rejects) == len(LINES)


def test_captions_left_out_of_good_rows_are_counted(outcome):
    examples, report = outcome
    kept = next(example for example in examples if example.image_id == "fine1.png")
    assert kept.captions == ("a cat",)
    assert report.dropped_captions == {"empty_caption": 1, "long_caption": 1}


def test_the_huge_picture_is_refused_before_it_is_decoded(broken, monkeypatch):
    def refuse(self):
        raise AssertionError("it was decoded")

    (broken / "only_huge.jsonl").write_bytes(row("huge.png"))
    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    examples, report, _ = collect(open_source(str(broken / "only_huge.jsonl")))
    assert not list(examples)
    assert report.by_reason() == {"decompression_bomb": 1}


def test_rejects_are_written_whole_and_read_back(outcome, tmp_path):
    _, report = outcome
    target = tmp_path / "new" / "rejects.jsonl"
    report.write(str(target))
    written = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [each["reason"] for each in written] == [each.reason for each in report.rejects]
    assert set(written[0]) == {"where", "image", "reason", "detail", "remedy"}
    assert [path.name for path in target.parent.iterdir()] == ["rejects.jsonl"]


def test_too_large_a_share_stops_with_reasons_rows_and_remedies(outcome):
    _, report = outcome
    report.check_share(0.9)
    with pytest.raises(DataError) as caught:
        report.check_share(0.05, "broken")
    assert caught.value.where == "broken"
    assert "32 of 40 rows" in caught.value.problem
    assert "more than the 5.0% allowed" in caught.value.problem
    assert "4 missing_file, first at captions.jsonl:2 (gone.png: " in caught.value.problem
    assert caught.value.problem.count("first at") == 3
    assert "correct its path" in caught.value.remedy


def test_nothing_left_stops_whatever_share_is_allowed(broken):
    (broken / "only_gone.jsonl").write_bytes(row("gone.png"))
    examples, report, _ = collect(open_source(str(broken / "only_gone.jsonl")))
    assert not list(examples)
    with pytest.raises(DataError, match=r"1 of 1 rows .* no picture is left: 1 missing_file"):
        report.check_share(1.0)
