"""Several sources as one, and windows of spans."""

import json

import pytest

from data.base.errors import DataError
from data.sources import RejectReport, open_source, sift
from data.sources.spans import open_window, resolve_window


@pytest.fixture
def base(tmp_path, picture):
    """Three spans with two pictures each; the first picture of each later span is an old one."""
    for span in (1, 2, 10):
        folder = tmp_path / f"span-{span}"
        folder.mkdir()
        rows = []
        for place, seed in enumerate((0, span)):
            (folder / f"{place}.png").write_bytes(picture(seed))
            rows.append({"image": f"{place}.png", "captions": [f"{place} of {span}"]})
        rows.append({"image": "gone.png", "captions": ["a"]})
        rows.append({"image": "bad.png", "captions": [3]})
        (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return f"{tmp_path}/span-{{SPAN}}"


@pytest.mark.parametrize(
    ("window", "span", "spans"),
    [(1, None, [10]), (2, None, [10, 2]), (9, None, [10, 2, 1]), (2, 2, [2, 1]), (1, 1, [1])],
)
def test_a_window_ends_with_the_span_wanted(base, window, span, spans):
    assert [one.span for one in resolve_window(base, window, span)] == spans


def test_a_window_takes_the_newest_version_of_each_span(tmp_path):
    for name in ("1/v1", "1/v3", "2/v2"):
        (tmp_path / name).mkdir(parents=True)
    found = resolve_window(f"{tmp_path}/{{SPAN}}/v{{VERSION}}", 2)
    assert [(one.span, one.version) for one in found] == [(2, 2), (1, 3)]
    with pytest.raises(DataError, match="nothing fits span 5"):
        resolve_window(f"{tmp_path}/{{SPAN}}", 2, 5)


def test_names_and_places_say_the_span_and_the_older_copy_stays(base):
    source = open_window(resolve_window(base, 2), open_source)
    report = RejectReport()
    kept = list(sift(source, report))
    assert [one.row.image_id for one in kept] == ["span-2/0.png", "span-2/1.png", "span-10/1.png"]
    assert [(one.where, one.image, one.reason) for one in report.rejects] == [
        ("span-2/captions.jsonl:3", "span-2/gone.png", "missing_file"),
        ("span-2/captions.jsonl:4", "span-2/bad.png", "wrong_type"),
        ("span-10/captions.jsonl:1", "span-10/0.png", "duplicate"),
        ("span-10/captions.jsonl:3", "span-10/gone.png", "missing_file"),
        ("span-10/captions.jsonl:4", "span-10/bad.png", "wrong_type"),
    ]
    assert "span-2: captioned folder" in source.describe()


def test_parts_are_those_of_the_members(base):
    source = open_window(resolve_window(base, 2), open_source)
    alone = [row for part in source.parts() for row in source.rows(part)]
    assert alone == list(source.rows()) and len(source.parts()) == 2


def test_the_fingerprint_follows_each_member(base, tmp_path, picture):
    def fingerprint(window):
        return open_window(resolve_window(base, window), open_source).fingerprint()

    before = fingerprint(1), fingerprint(2)
    (tmp_path / "span-2/1.png").write_bytes(picture(77, side=20))
    assert fingerprint(1) == before[0] and fingerprint(2) != before[1]
