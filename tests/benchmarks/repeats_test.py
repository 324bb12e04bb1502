"""The benchmark that repeats the demo: which runs it still has to make, and its table."""

import json

import pytest

from benchmarks import repeats


def line(seed, times=1.0, settings=(), pixel=0.8, blessed=3):
    return {
        "times": times,
        "seed": seed,
        "settings": list(settings),
        "processor": "P",
        "seconds": 600,
        "blessed": ["encoder", "captioner", "generator"][:blessed],
        "figures": {"pixel_agreement": pixel},
        "asked": {"behind": 0.5},
    }


def cells(row):
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_runs_that_are_there_are_not_made_again(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(repeats, "run", lambda work, results, key: made.append(key))
    (tmp_path / "repeats.jsonl").write_text(json.dumps(line(1)) + "\n")
    repeats.main([str(tmp_path), "--seeds", "0", "1", "--times", "1", "2"])
    assert [(key["times"], key["seed"]) for key in made] == [(1, 0), (2, 0), (2, 1)]
    made.clear()
    repeats.main([str(tmp_path), "--seeds", "1", "--set", "generator.kl_weight=1"])
    assert [key["settings"] for key in made] == [["generator.kl_weight=1"]]


def test_seeds_of_one_kind_are_one_row():
    runs = [line(0, pixel=0.8), line(1, pixel=0.9, blessed=2), line(0, times=2.0)]
    head, _, once, twice = repeats.table(runs).splitlines()
    once = dict(zip(cells(head), cells(once), strict=True))
    assert once["pixel check"] == "0.850 (0.800 to 0.900)"
    assert once["behind"] == "0.500 (0.500 to 0.500)"
    assert once["minutes"] == "10.0 (10.0 to 10.0)"
    assert (once["pushed"], once["seeds"], once["KID"]) == ("5 of 6", "2", "")
    twice = dict(zip(cells(head), cells(twice), strict=True))
    assert (twice["steps"], twice["pixel check"]) == ("x 2", "0.800")


@pytest.mark.parametrize("missing", [[], [line(0)]])
def test_a_table_has_as_many_cells_in_each_row(missing):
    rows = repeats.table(missing).splitlines()
    assert len({row.count("|") for row in rows}) == 1
