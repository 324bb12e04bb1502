"""Finding the report of the run before this one."""

import json

import pytest

from components.run_report.comparison import previous_run
from components.run_report.report_data import Previous
from trainer.metrics.result import Metric

METRIC = Metric("a", 0.5, 0.4, 0.6, 9, "test", 0, None, None, True, "P.").to_json()


@pytest.fixture
def reports(tmp_path):
    """Returns a function: writes the report of an execution, returns where this one goes."""

    def write(number, made, metrics=(METRIC,)):
        path = tmp_path / str(number) / "report.json"
        path.parent.mkdir()
        record = {"made": made, "config": {"a": 1}, "metrics": list(metrics)}
        path.write_text(json.dumps(record), encoding="utf-8")
        return str(path.parent)

    return write


def test_the_newest_one_before_this_counts(reports):
    for number in (4, 9, 31):
        reports(number, f"run {number}")
    found = previous_run(reports(20, "now"), "report.json")
    assert found == Previous("run 9", {"a": 1}, (METRIC,))


def test_the_first_run_has_none(reports):
    assert previous_run(reports(4, "now"), "report.json") is None
    assert previous_run("gs://bucket/report/4", "report.json") is None


@pytest.mark.parametrize("metrics", [({"name": "a", "unknown": 1},), ({},)])
def test_what_another_version_wrote_is_left_alone(reports, metrics):
    reports(3, "old", metrics)
    assert previous_run(reports(4, "now"), "report.json") is None
