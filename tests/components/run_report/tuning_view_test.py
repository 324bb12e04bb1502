"""The search in the report: sentence, order of rows, picture, and files."""

import json
from dataclasses import asdict

import pytest

from components.run_report.facts import tuning_facts
from components.run_report.pages import render
from components.run_report.report_data import ReportData, TuningFacts
from components.run_report.tuning_view import tuning
from trainer.settings_loader import to_mapping
from trainer.trials import FAILED, FINISHED, Trial, write_table
from trainer.tuning_settings import Knob, TuningSettings

SETTINGS = TuningSettings(
    "generator",
    {
        "generator.learning_rate": Knob(3e-4, 3e-3, "log"),
        "generator.penalty": Knob(values=("r1", "none")),
    },
)


def trial(number, rate, figure, penalty="r1", own=False):
    settings = {"generator.learning_rate": rate, "generator.penalty": penalty}
    row = Trial(number, settings, "kid_encoder", "min", figure, 30, 61.0, FINISHED, own=own)
    if figure is None:
        row = Trial(number, settings, "kid_encoder", "min", status=FAILED, reason="<d_real> is nan")
    return row


def facts(*trials):
    space = to_mapping(SETTINGS)["space"]
    return TuningFacts("generator", space, tuple(asdict(one) for one in trials))


FOUR = facts(
    trial(1, 1e-3, 0.05, own=True),
    trial(2, 3e-3, None),
    trial(3, 5e-4, 0.04, "none"),
    trial(4, 2e-3, 0.09),
)


def test_the_lead_compares_the_best_with_the_configs_own():
    lead = tuning(FOUR).lead
    assert lead.startswith("4 trials for the generator; the best kid encoder is 0.04, where")
    assert "own settings gave 0.05" in lead
    assert lead.endswith("Trained with learning rate 0.0005, penalty none.")


@pytest.mark.parametrize(
    ("trials", "words"),
    [
        ((trial(1, 1e-3, 0.01, own=True),), "of the config's own settings, which were trained"),
        ((trial(1, 1e-3, None),), "none of them finished"),
        ((trial(1, 1e-3, 0.02), trial(2, 2e-3, 0.01)), "is 0.01. Trained with learning rate 0.002"),
    ],
)
def test_the_lead_without_a_better_trial(trials, words):
    assert words in tuning(facts(*trials)).lead


def test_rows_are_ranked_and_marked():
    view = tuning(FOUR)
    assert [(row.trial, row.mark) for row in view.rows] == [
        (3, "best"),
        (1, "own"),
        (4, "trial"),
        (2, "failed"),
    ]
    assert view.rows[0].values == ("0.0005", "none") and view.knobs == ("learning rate", "penalty")
    assert view.rows[1].words == "the config's own" and view.lower_is_better
    assert [kind for kind, _ in view.legend] == ["best", "own", "trial", "failed"]


def test_the_picture_has_an_axis_for_each_knob_and_the_figure():
    chart = str(tuning(FOUR).chart)
    assert chart.count('class="name"') == 3 and chart.count("<polyline") == 4
    assert "learning rate (log)" in chart and "(← better)" in chart
    assert "best 0.0005" in chart and "best none" in chart and "best 0.04" in chart


def test_the_page_shows_it_and_survives_json():
    report = ReportData("scenes", tuning=FOUR)
    page = render(ReportData.from_json(report.to_json()))
    assert page == render(report)
    assert 'id="tuning"' in page and 'href="#tuning"' in page
    assert "&lt;d_real&gt; is nan" in page and "<d_real>" not in page
    without = render(ReportData("scenes"))
    assert 'id="tuning"' not in without and 'href="#tuning"' not in without


def test_facts_come_from_the_table_and_the_configuration(tmp_path):
    rows = [Trial(**record) for record in FOUR.trials]
    write_table(rows, tmp_path / "trials.jsonl")
    config = json.loads(json.dumps({"tuning": to_mapping(SETTINGS)}))
    assert tuning_facts(str(tmp_path), config) == FOUR
