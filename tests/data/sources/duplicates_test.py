"""Of identical pictures the first in the source stays, whoever was quicker."""

import random
from dataclasses import replace

import pytest

from data.sources import Limits, Loaded, Row, Seen, load_row, resolve_duplicates


def loaded(picture, line: int, split: str = "train") -> Loaded:
    row = Row(f"captions.jsonl:{line}", f"{line}.png", picture(1), ("a",), ("en",), (), split)
    found = load_row(row, Limits())
    assert isinstance(found, Loaded)
    return found


def seen(picture, line: int, split: str = "train", attributes: tuple[str, ...] = ()) -> Seen:
    found = loaded(picture, line, split)
    return Seen.of(replace(found, row=replace(found.row, attributes=attributes)))


def test_the_first_line_stays_in_any_order_of_arrival(picture):
    group = [seen(picture, line) for line in (9, 10, 100)]
    for seed in range(5):
        random.Random(seed).shuffle(group)
        kept, rejects = resolve_duplicates(group)
        assert group[kept].where == "captions.jsonl:9"
        places = [group[copy].where for copy in rejects]
        assert places == ["captions.jsonl:10", "captions.jsonl:100"]
        assert [each.where for each in rejects.values()] == places
        assert {each.reason for each in rejects.values()} == {"duplicate"}


def test_a_copy_in_another_split_has_a_reason_of_its_own(picture):
    group = [seen(picture, 3, "test"), seen(picture, 2, "train")]
    kept, rejects = resolve_duplicates(group)
    assert group[kept].split == "train"
    assert rejects[0].reason == "duplicate_across_splits"
    assert rejects[0].where == "captions.jsonl:3" and "captions.jsonl:2" in rejects[0].detail


@pytest.mark.parametrize(
    ("mine", "reason"),
    [((), "duplicate"), (("a:b", "c:d"), "duplicate"), (("c:d",), "contradicting_copy")],
)
def test_a_copy_contradicts_only_by_what_it_says(picture, mine, reason):
    first = seen(picture, 1, attributes=("c:d", "a:b"))
    _, rejects = resolve_duplicates([first, seen(picture, 2, attributes=mine)])
    assert [each.reason for each in rejects.values()] == [reason]


def test_bytes_of_a_row_travel_once(picture):
    found = loaded(picture, 1)
    assert found.row.image == b"" and found.picture.encoded == picture(1)
    assert found.example().encoded == picture(1)
