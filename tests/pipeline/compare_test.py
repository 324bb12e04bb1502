"""`tuwen compare` on reports that two runs left."""

import dataclasses
from pathlib import Path

import pytest

from components.run_report.report_data import Painted, ReportData
from pipeline import cli
from pipeline.commands.compare import short_names
from trainer.metrics.result import Metric


def metric(name, value, low, high):
    return Metric(name, value, low, high, 100, "test", 0, None, None, True, "P.").to_json()


def report(width, value):
    long = "attribute_agreement@attribute=articleType"
    return ReportData(
        "demo",
        config={"generator": {"width": width}, "evaluation": {"seed": 0}},
        metrics=(
            metric("r_precision_1of100", value, value - 0.01, value + 0.01),
            metric(long, 0.5, 0.4, 0.6),
        ),
        painted=(Painted("a cat", "en", (1,), ("AAAA",)),),
    )


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("runs/one/report/report.json"), report(8, 0.5))
    write(Path("runs/two/report/report.json"), report(16, 0.7))


def write(path, content):
    path.parent.mkdir(parents=True)
    path.write_text(content.to_json(), encoding="utf-8")


def test_settings_figures_and_a_page_come_out(runs, capsys):
    assert cli.main(["compare", "runs/one", "runs/two", "-o", "out/page.html"]) == 0
    shown = capsys.readouterr().out
    assert "generator.width: 8 -> 16\n" in shown
    assert "evaluation.seed" not in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("r_precision_1of100")]
    assert line.split() == ["r_precision_1of100", "0.5", "0.7", "+0.2", "0.186", "to", "0.214",
                            "better"]  # fmt: skip
    assert max(map(len, shown.splitlines())) <= 80
    page = Path("out/page.html").read_text(encoding="utf-8")
    assert "<title>Tuwen: one and two</title>" in page
    assert "a cat" in page


def test_a_run_against_itself_has_no_difference(runs, capsys):
    assert cli.main(["compare", "runs/one", "runs/one"]) == 0
    shown = capsys.readouterr().out
    assert "all settings are the same" in shown
    assert "0 better, 0 worse, 2 within noise" in " ".join(shown.split())
    assert Path("comparison.html").is_file()


def test_a_run_without_a_copy_for_people_is_read_from_its_newest_artefact(runs, capsys):
    root = Path("runs/three/pipeline_root/RunReport/report")
    for number, width in ((9, 1), (10, 2)):
        write(root / str(number) / "report.json", report(width, 0.5))
    assert cli.main(["compare", "runs/one", "runs/three"]) == 0
    assert "generator.width: 8 -> 2\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "this is no report"),
        ('{"name": "x", "of_tomorrow": 1}', "Another version made this report"),
        (dataclasses.replace(report(1, 0.5), metrics=({"name": "a", "b": 1},)).to_json(),
         "made by another version"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_in_one_message(runs, capsys, content, words):
    Path("runs/two/report/report.json").write_text(content, encoding="utf-8")
    assert cli.main(["compare", "runs/one", "runs/two"]) == cli.USAGE
    assert words in capsys.readouterr().err


def test_names_tell_the_runs_apart():
    assert short_names("runs/a", "runs/b") == ("a", "b")
    assert short_names("x/demo", "y/demo") == ("x/demo", "y/demo")
    assert short_names(".", "runs/b") == (".", "runs/b")
