"""Reading a trainer's logs: resumed, cut short, broken, missing."""

import base64
import json

import pytest

from components.run_report.facts import alarms, read_progress, stage_facts
from components.run_report.report_data import Alarm, Curve


def line(step, **values):
    return json.dumps({"step": step, "images": step * 10, "seconds": float(step)} | values)


def test_resumed_training_replaces_the_steps_that_it_repeats():
    text = "\n".join([line(10, a=1.0), line(30, a=3.0), line(20, a=2.5), line(30, a=3.5)])
    records = read_progress(text)
    assert [(record["step"], record["a"]) for record in records] == [
        (10, 1.0),
        (20, 2.5),
        (30, 3.5),
    ]


def test_records_of_one_step_stay_together_and_a_cut_line_is_left_out():
    records = read_progress("\n".join([line(10, a=1.0), line(10, val_a=0.5), '{"step": 11, "im']))
    assert len(records) == 2


def test_looking_twice_at_one_step_keeps_the_last_look():
    records = read_progress("\n".join([line(9, a=1.0), line(9, val_a=0.5), line(9, val_a=0.7)]))
    assert [record.get("val_a") for record in records] == [None, 0.7]


def test_stage_facts_of_a_whole_training(tmp_path):
    lines = [line(1, loss=4.0), line(2, loss=float("nan")), line(2, val_f1=0.25)]
    (tmp_path / "progress.jsonl").write_text("\n".join(lines))
    (tmp_path / "summary.json").write_text('{"steps": 2}')
    (tmp_path / "samples").mkdir()
    for step in range(7):
        (tmp_path / "samples" / f"step-{step:06d}.png").write_bytes(bytes([step]))
    facts = stage_facts("generator", str(tmp_path))
    assert facts.summary == {"steps": 2}
    assert facts.curves[0] == Curve("loss", (10.0, 20.0), (4.0, None))
    assert facts.curves[1] == Curve("val_f1", (20.0,), (0.25,))
    assert facts.alarms == (Alarm("loss", 20.0, "loss is not finite"),)
    assert list(facts.samples) == ["0", "2", "4", "6"]
    assert facts.samples["6"] == base64.b64encode(b"\x06").decode()


def test_a_rollback_is_marked_in_every_chart_though_its_steps_came_again(tmp_path):
    lines = [line(20, loss=4.0), line(30, alarm="loss exploded"), line(15, loss=3.0, val_f1=0.5)]
    (tmp_path / "progress.jsonl").write_text("\n".join(lines))
    facts = stage_facts("encoder", str(tmp_path))
    assert facts.curves == (Curve("loss", (150.0,), (3.0,)), Curve("val_f1", (150.0,), (0.5,)))
    assert facts.alarms == tuple(Alarm(name, 300.0, "loss exploded") for name in ("loss", "f1"))


def test_training_without_logs_has_no_facts(tmp_path):
    facts = stage_facts("encoder", str(tmp_path))
    assert (facts.summary, facts.curves, facts.alarms, facts.samples) == ({}, (), (), {})


def held_out(name, *values):
    return Curve(name, tuple(10.0 * i for i in range(len(values))), values)


@pytest.mark.parametrize(
    ("curve", "where"),
    [
        (held_out("val_cider_d", 0.5, 1.0, 0.9, 0.8, 0.7), 10.0),
        (held_out("val_kid_encoder", 0.5, 0.1, 0.3, 0.2, 0.2), 10.0),
        (held_out("val_cross_entropy", 2.0, 1.0, 1.5, 1.6, 1.6), 10.0),
        (held_out("val_cider_d", 0.5, 0.6, 1.0, 0.8, 0.95), None),
        (held_out("val_cider_d", 0.5, 1.0, 0.7, 0.7), None),
        (held_out("val_kid_encoder", 0.5, 0.3, 0.2, 0.1, 0.1), None),
        (held_out("cider_d", 0.5, 1.0, 0.8, 0.7, 0.7), None),
    ],
)
def test_alarm_where_a_held_out_figure_was_best_before_it_fell(curve, where):
    assert [alarm.x for alarm in alarms([curve])] == ([] if where is None else [where])
