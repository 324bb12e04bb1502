"""The benchmark of data: what it makes, measures and tells of the results."""

import json
import os
import sys

import pytest

from benchmarks import ingestion, pictures


def record(node, pictures, **values):
    found = {"pictures": pictures, "workers": 1, "node": node, "seconds": 9.0}
    return {**found, "cpu_seconds": 10.0, "peak_gib": 1.0, **values}


def test_pictures_are_made_once_in_folders_of_a_thousand(tmp_path, monkeypatch):
    folder = pictures.make_pictures(tmp_path / "p", 3)
    rows = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    assert [row["image"] for row in rows] == [f"0000/{number}.png" for number in range(3)]
    assert all((folder / row["image"]).is_file() and row["captions"] for row in rows)
    assert {row["split"] for row in rows} <= {"train", "val", "test"}
    monkeypatch.setattr(pictures, "as_captioned_images", None)
    assert pictures.make_pictures(folder, 3) == folder


def test_seconds_and_memory_are_those_of_the_command(tmp_path):
    script = "x = bytearray(200 << 20); import time; time.sleep(0.2); print(len(x))"
    log = tmp_path / "logs/a.log"
    found = ingestion.timed([sys.executable, "-c", script], dict(os.environ), log)
    assert 0.2 < found["seconds"] < 30
    assert 0.19 < found["peak_gib"] < 0.4
    assert log.read_text().strip() == str(200 << 20)
    with pytest.raises(SystemExit, match="ended with status 3"):
        ingestion.timed([sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ), log)


def test_a_record_takes_the_place_of_its_like(tmp_path):
    for seconds in (5.0, 7.0):
        ingestion.keep(tmp_path / "r.json", record("transform", 20, seconds=seconds))
    ingestion.keep(tmp_path / "r.json", record("transform", 200))
    found = json.loads((tmp_path / "r.json").read_text())
    assert [one["seconds"] for one in found] == [7.0, 9.0]


def test_cpu_hours_leave_start_up_out():
    small, large = record("a", 20_000, cpu_seconds=30.0), record("a", 200_000, cpu_seconds=390.0)
    assert ingestion.cpu_hours(small, large) == pytest.approx(360 / 180_000 * 1e6 / 3600)


def test_memory_that_grew_is_marked_where_it_must_not():
    found = ingestion.table(
        [
            record("transform", 20),
            record("transform", 200, peak_gib=1.19),
            record("statistics-gen", 20),
            record("statistics-gen", 200, peak_gib=1.3),
            record("data-gate", 20),
            record("data-gate", 200, peak_gib=9.0),
        ]
    )
    lines = {line.split("|")[2].strip(): line for line in found.splitlines()}
    assert "x 1.19 |" in lines["transform"]
    assert "x 1.30 (not flat)" in lines["statistics-gen"]
    assert "x 9.00 |" in lines["data-gate"]


def test_one_size_tells_of_no_growth():
    assert "memory" not in ingestion.table([record("transform", 20)])


def test_nodes_are_those_that_transform_waits_for():
    tasks = {
        "a": {},
        "gate": {"dependentTasks": ["a"]},
        "transform": {"dependentTasks": ["gate"]},
        "trainer": {"dependentTasks": ["transform"]},
    }
    spec = {"root": {"dag": {"tasks": tasks}}}
    assert ingestion.data_nodes(spec) == ["a", "gate", "transform"]
