"""Of identical pictures the first in the source stays, whoever was quicker."""

import random

from data.sources import Limits, Loaded, Row, load_row, resolve_duplicates


def loaded(picture, line: int, split: str = "train") -> Loaded:
    row = Row(f"captions.jsonl:{line}", f"{line}.png", picture(1), ("a",), ("en",), (), split)
    found = load_row(row, Limits())
    assert isinstance(found, Loaded)
    return found


def test_the_first_line_stays_in_any_order_of_arrival(picture):
    group = [loaded(picture, line) for line in (9, 10, 100)]
    for seed in range(5):
        random.Random(seed).shuffle(group)
        first, rejects = resolve_duplicates(group)
        assert first.row.where == "captions.jsonl:9"
        assert [each.where for each in rejects] == ["captions.jsonl:10", "captions.jsonl:100"]
        assert {each.reason for each in rejects} == {"duplicate"}


def test_a_copy_in_another_split_has_a_reason_of_its_own(picture):
    group = [loaded(picture, 3, "test"), loaded(picture, 2, "train")]
    first, (reject,) = resolve_duplicates(group)
    assert first.split == "train"
    assert reject.reason == "duplicate_across_splits"
    assert reject.where == "captions.jsonl:3" and "captions.jsonl:2" in reject.detail


def test_bytes_of_a_row_travel_once(picture):
    found = loaded(picture, 1)
    assert found.row.image == b"" and found.picture.encoded == picture(1)
    assert found.example().encoded == picture(1)
