"""What is said at the end of a run, from the files that it left."""

import json
import os

import pytest

from pipeline import outcomes
from pipeline.errors import RunError
from pipeline.outcomes import outcome, way_lines
from pipeline.terminal import columns, metric_table, number
from pipeline.work_dir import WorkDir
from tests.pipeline.run_dirs import ENDED, finish, start
from trainer.metrics.result import Metric

KID = Metric("kid_encoder_n100", 0.0123, 0.01, 0.02, 100, "test", 0, None, 0.001, False, "p")
BLEU = Metric("bleu4", float("nan"), None, None, 9, "test", 0, 0.1, None, True, "p")


@pytest.fixture
def work(tmp_path):
    """A work directory of a run whose captioner failed its check in a fresh process."""
    work = WorkDir(tmp_path)
    verdicts = [{"model": "generator", "sentence": "Blessed: it is fine."}]
    write(work.metrics, {"metrics": [KID.to_json(), BLEU.to_json()], "verdicts": verdicts})
    root = work.pipeline_root
    for execution, caption in ((9, "old"), (10, "new")):
        shown = [{"caption": caption, "said": "a thing", "png": "samples/generated-000.png"}]
        path = root / f"CrossModalEvaluator/evaluation/{execution}/metrics.json"
        write(path, {"generated": shown})
    check = {"blessed": False, "sentence": "Refused: it does not load."}
    write(root / "ServingCheck.captioner/report/5/report.json", check)
    write(root / "ServingCheck.encoder/report/4/report.json", {**check, "blessed": True})
    write(work.serving / "encoder/17/saved_model.pb", {})
    return work


def write(path, record):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record), encoding="utf-8")


def test_it_names_figures_verdicts_models_and_report(work):
    text = "\n".join(outcomes.summary_lines(work))
    assert "kid_encoder_n100" in text
    assert "generator: Blessed: it is fine." in text
    assert f"encoder    {work.serving / 'encoder/17'}\n" in text
    assert "captioner  not pushed\n           Refused: it does not load.\n" in text
    assert "generator  not pushed\n" in text
    assert str(work.report) in text


def test_a_version_that_an_earlier_run_pushed_is_told_from_this_ones(work):
    write(work.serving / "generator/17/saved_model.pb", {})
    place = work.serving / "generator/17"
    assert f"generator  {place}" in outcomes.summary_lines(work)
    record = json.loads(work.metrics.read_text(encoding="utf-8"))
    record["verdicts"] = [{"model": "generator", "blessed": False, "sentence": "Refused: no."}]
    write(work.metrics, record)
    assert f"generator  {place}, of an earlier run" in outcomes.summary_lines(work)


def test_the_picture_to_look_at_is_of_the_last_evaluation(work):
    *_, path, said = outcomes.summary_lines(work)
    assert path.endswith("CrossModalEvaluator/evaluation/10/samples/generated-000.png")
    assert said.strip() == "'new', described as 'a thing'"


def test_a_refusal_ends_with_the_ways_on_that_every_command_tells(tmp_path):
    work = finish(start(tmp_path), refused=["generator"])
    advice = way_lines([outcome(work, "generator")])
    assert advice
    assert outcomes.summary_lines(work)[-len(advice) :] == advice


def test_figures_of_the_run_before_are_told_as_such(tmp_path):
    work = finish(start(tmp_path))
    assert "did not finish" not in outcomes.summary_lines(work)[-1]
    os.utime(work.settings, (ENDED + 1, ENDED + 1))
    assert "did not finish" in outcomes.summary_lines(work)[-1]


def test_an_unfinished_run_has_no_figures(tmp_path):
    with pytest.raises(RunError, match="did not finish"):
        outcomes.summary_lines(WorkDir(tmp_path))


def test_the_table_has_value_interval_chance_and_ceiling():
    head, first, second = metric_table([KID, BLEU])
    assert head.split() == ["figure", "value", "95", "%", "interval", "chance", "ceiling"]
    assert first.split() == ["kid_encoder_n100", "0.0123", "0.01", "to", "0.02", "0.001"]
    assert second.split() == ["bleu4", "-", "0.1"]
    assert first.index("0.001") > second.index("0.1")


def test_a_name_that_is_too_wide_has_a_line_of_its_own():
    rows = [("a", "1.0"), ("x" * 20, "2.0"), ("bb", "3.0")]
    assert columns(rows, width=16) == ["a   1.0", "x" * 20, "    2.0", "bb  3.0"]


def test_the_table_fits_a_terminal():
    names = ("retrieval_text_to_image_1of100", "attribute_agreement_of_a_very_long_kind")
    lines = metric_table([_metric(name) for name in names])
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith(names[0] + " ")
    assert lines[2] == names[1]


def test_slices_are_counted_and_not_listed():
    names = ("bleu4", "bleu4@language=en", "bleu4@language=zh")
    _, first, rest = metric_table([_metric(name) for name in names])
    assert first.startswith("bleu4 ")
    assert rest == "and 2 figures of slices, in metrics.json"


def _metric(name):
    return Metric(name, -0.00123, -0.00423, -0.00124, 9, "test", 0, 0.0101, 0.123, True, "p")


def test_columns_line_up():
    assert columns([("a", "b"), ("long", "12345")]) == ["a         b", "long  12345"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (float("nan"), "-"), (0.12345, "0.123"), (12345.0, "1.23e+04")]
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text
