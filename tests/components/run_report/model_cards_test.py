"""The card beside a pushed model, with its verdict and figures."""

from pathlib import Path

import pytest

from components.run_report.model_cards import PLACE, complete, figure_lines, model_of
from components.run_report.report_data import ReportData
from trainer.metrics.result import Metric

REPORT = ReportData(
    "scenes",
    made="2025-01-02",
    metrics=tuple(
        metric.to_json()
        for metric in (
            Metric("kid_encoder_n100", 0.02, 0.01, 0.03, 100, "test", 3, None, 0.001, False,
                   "How KID is told.", {"mean_image": 6.5}, extractor="judge:abc"),
            Metric("prompt_diversity", 0.3, None, None, 100, "test", 3, None, None, None, "How."),
            Metric("bleu4_en", 0.5, None, None, 100, "test", 3, 0.1, None, True, "How BLEU is."),
        )
    ),
    verdicts=(
        {"model": "generator", "blessed": True, "sentence": "Blessed by force (x), though no.",
         "forced": "x", "checks": [], "refusal": "Refused: no."},
    ),
)  # fmt: skip


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / PLACE
    path.parent.mkdir(parents=True)
    path.write_text("# A card\n\nWhat it is.\n\n## Figures\n\nNot measured.\n", encoding="utf-8")
    return tmp_path


def test_figures_with_their_protocol_take_the_last_section(directory):
    for _ in range(2):
        complete(str(directory), REPORT, "generator")
    card = Path(directory, PLACE).read_text(encoding="utf-8")
    assert card.startswith("# A card\n\nWhat it is.\n\n## Figures\n")
    assert card.count("## Figures") == 1
    assert "Not measured" not in card
    assert "| `kid_encoder_n100` | 0.02 | 0.01 to 0.03 | 100 |  | 0.001 |" in card
    assert "How KID is told. Lower is better. Split test, seed 3. Seen by judge:abc." in card
    assert "Baselines: mean_image 6.5." in card
    assert "How. Neither higher nor lower is better by itself." in card
    assert "bleu4" not in card


def test_a_forced_blessing_and_what_it_overrode_stand_in_the_card():
    lines = figure_lines(REPORT, "generator")
    assert "Blessed by force (x), though no." in lines
    assert "The refusal that was overridden: Refused: no." in lines


def test_a_model_without_a_card_is_left_alone(tmp_path):
    complete(str(tmp_path), REPORT, "generator")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("figure", "model"),
    [
        ("retrieval_text_to_image_1of100", "encoder"),
        ("calibration_error", "encoder"),
        ("cider_d_en@language=zh", "captioner"),
        ("caption_truth", "captioner"),
        ("memorisation", "generator"),
        ("cycle_agreement", "generator"),
    ],
)
def test_every_figure_speaks_of_one_model(figure, model):
    assert model_of(figure) == model
