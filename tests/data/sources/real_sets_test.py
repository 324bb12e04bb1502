"""The real test sets hold what their SOURCE.md says."""

from collections import Counter

import pytest

from data.sources import RejectReport, open_source, sift


@pytest.mark.parametrize(
    ("name", "splits", "rejects"),
    [
        ("fashion", {"train": 3189, "val": 407, "test": 404}, {}),
        # Flickr8k has one picture twice, both in train.
        ("flickr8k", {"train": 5999, "val": 1000, "test": 1000}, {"duplicate": 1}),
    ],
)
def test_counts_by_split(test_data, name, splits, rejects):
    report = RejectReport()
    source = open_source(str(test_data / name))
    assert Counter(loaded.split for loaded in sift(source, report)) == splits
    assert report.by_reason() == rejects


def test_captions_of_both_languages_come_together(test_data):
    files = "captions.jsonl, captions_zh.jsonl"
    rows = list(open_source(str(test_data / "flickr8k"), files_pattern=files).rows())
    assert len(rows) == 8000
    assert {len(row.captions) for row in rows} == {10}
    assert Counter(language for row in rows for language in row.languages)["zh"] > 39_990


def test_fashion_attributes_are_names_with_groups(test_data):
    row = next(iter(open_source(str(test_data / "fashion")).rows()))
    assert "baseColour:Blue" in row.attributes and "articleType:Skirts" in row.attributes
