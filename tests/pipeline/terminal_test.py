"""Verdicts in 80 columns, and the progress of a run, as a terminal shows them."""

import io

import pytest

from components.cross_modal_evaluator.thresholds import read_thresholds
from components.cross_modal_evaluator.verdicts import judge
from pipeline.terminal import Progress, failure_lines, verdict_lines
from trainer.metrics.result import Metric

LONG = "attribute_agreement@attribute=articleType"


def told(force="", **thresholds):
    return verdict_lines(record_of(force, **thresholds))


def record_of(force="", **thresholds):
    metrics = [
        Metric("bleu4", 0.123, 0.11, 0.14, 9, "test", 0, None, None, True, "P."),
        Metric("prompt_diversity", 0.0, 0.0, 0.0, 9, "test", 0, None, None, True, "P."),
        Metric(LONG, 0.5, 0.4, 0.6, 9, "test", 0, None, None, True, "P."),
    ]
    asked = read_thresholds({key: {"model": "generator", **x} for key, x in thresholds.items()})
    return judge(metrics, asked, {}, force)["generator"].to_json()


def test_failures_come_first_and_then_what_to_do():
    lines = told(bleu4={"min": 0.1}, prompt_diversity={"min": 0.05})
    assert lines[0] == "generator: REFUSED"
    assert lines[1].startswith("  NO  prompt_diversity is 0 (0 to 0), at least 0.05 is asked")
    assert lines[2] == "  ok  bleu4 is 0.123 (0.11 to 0.14), at least 0.1 is asked"
    assert " ".join(lines[3:]).startswith("  Its pictures are too much alike")


def test_a_blessing_says_what_passed():
    assert told(bleu4={"min": 0.1})[0] == "generator: blessed"
    assert told() == ["generator: Blessed: no threshold is configured for the generator."]


def test_that_there_is_no_earlier_model_is_said_once():
    asked = {"min": 0.0, "max_regression": 0.1}
    lines = told(bleu4=asked, prompt_diversity=asked)
    assert sum("was blessed before" in line for line in lines) == 1
    assert len(lines) == 4
    assert lines[2] == "  ok  no generator was blessed before: it has nothing to fall behind"


def test_a_forced_blessing_says_so_with_its_reason_and_what_it_overrides():
    lines = told("shown to the board", bleu4={"min": 0.2})
    assert lines[0] == "generator: BLESSED BY FORCE (shown to the board)"
    assert lines[1].startswith("  NO  bleu4 is 0.123")


@pytest.mark.parametrize("force", ["", "a reason that goes on and on " * 5])
def test_no_line_is_wider_than_a_terminal(force):
    asked = {LONG: {"min": 0.9, "max_regression": 0.1}, "a_figure_that_nobody_measured": {"min": 1}}
    assert max(map(len, told(force, **asked))) <= 80


def test_a_record_of_an_earlier_version_is_told_too():
    record = {"model": "encoder", "blessed": True, "sentence": "Blessed: it is fine."}
    assert verdict_lines(record) == ["encoder: Blessed: it is fine."]
    check = {"passed": False, "sentence": "a is 1, at least 2 is asked"}
    lines = verdict_lines({**record, "blessed": False, "checks": [check]})
    assert lines == ["encoder: REFUSED", "  NO  a is 1, at least 2 is asked"]


def test_of_a_refusal_alone_the_checks_that_passed_are_left_out():
    record = record_of(bleu4={"min": 0.1}, prompt_diversity={"min": 0.05})
    kept = [line for line in verdict_lines(record)[1:] if not line.startswith("  ok  ")]
    assert failure_lines(record) == kept
    assert failure_lines({"blessed": False, "sentence": "Refused: no."}) == ["  Refused: no."]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_one_line_a_node_without_a_terminal():
    stream = io.StringIO()
    progress = Progress([f"n{i}" for i in range(12)], stream)
    progress.started("n2")
    progress.finished("n2", "cached", 0.04)
    assert stream.getvalue().split() == ["[", "3/12]", "n2", "cached", "0.0", "s"]
    assert stream.getvalue().count("\n") == 1


def test_a_terminal_sees_the_node_at_work():
    stream = Terminal()
    Progress(["only"], stream).started("only")
    assert stream.getvalue() == "[1/1] only ...\r"
