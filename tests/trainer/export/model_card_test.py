"""The card beside every SavedModel."""

import pytest

from trainer.config import STAGES, Experiment
from trainer.export.model_card import CODE_LICENCE, FIGURES, LICENCE, model_card, with_figures


def card(stage):
    return model_card(
        stage,
        Experiment(name="scenes"),
        parameters=12345,
        tokens=99,
        attributes=7,
        fingerprint="f00",
        foreign={"a": frozenset(), "b": frozenset({"Normalise"})},
    )


@pytest.mark.parametrize("stage", STAGES)
def test_it_says_what_the_model_is_from_what_and_with_what_limits(stage):
    text = card(stage)
    for words in (f"# scenes: {stage}", "12,345", "99 tokens", "Attributes: 7", "f00", "a, b",
                  "## Limits", "## Licence", "consent", "`training.minutes`: ",
                  f"`{stage}.batch_size`: "):  # fmt: skip
        assert words in text
    assert text.rstrip().endswith("`tuwen evaluate` measures it.")


@pytest.mark.parametrize("stage", STAGES)
def test_the_licence_of_the_code_is_told_from_that_of_the_weights(stage):
    section = card(stage).partition(f"\n{LICENCE}\n")[2].partition("\n## ")[0]
    code, weights = (line for line in section.splitlines() if line)
    assert code.startswith("- Code: ") and CODE_LICENCE in code
    assert weights.startswith("- Weights: not stated") and CODE_LICENCE not in weights


def test_settings_of_other_stages_stay_out_of_it():
    assert "`captioner." not in card("generator")
    assert "`encoder." in card("generator")
    assert card("encoder").count("`encoder.batch_size`") == 1


def test_figures_replace_what_stood_there_however_often():
    text = with_figures(with_figures(card("encoder"), ["one"]), ["two", "three"])
    assert text.endswith(f"{FIGURES}\n\ntwo\nthree\n")
    assert text.count(FIGURES) == 1
    assert "Not measured" not in text and "one\n" not in text.partition(FIGURES)[2]
    assert "## Licence" in text
