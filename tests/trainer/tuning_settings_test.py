"""What a search may try, and what is refused by name."""

from dataclasses import replace

import pytest

from trainer.config import Experiment, GeneratorSettings
from trainer.settings_loader import SettingsError, from_mapping, to_mapping
from trainer.tuning_settings import (
    Knob,
    TuningSettings,
    for_trial,
    kind,
    knob_names,
    own_values,
    with_values,
)

SPACE = {
    "generator.learning_rate": {"min": 3e-4, "max": 3e-3, "sampling": "log"},
    "generator.penalty_weight": {"values": [0.005, 1]},
}


def read(**changes):
    values = {"stage": "generator", "space": SPACE} | changes
    return from_mapping(TuningSettings, values, "mine.yaml", "tuning.")


def test_settings_survive_their_mapping():
    got = read(trials=3)
    assert got.space["generator.learning_rate"] == Knob(3e-4, 3e-3, "log")
    assert from_mapping(TuningSettings, to_mapping(got), "again") == got


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stage": "painter"}, ["stage = 'painter'", "encoder, captioner, generator"]),
        ({"trails": 3}, ["'tuning.trails'", "Did you mean 'trials'?"]),
        ({"trials": 0}, ["tuning.trials = 0", "1 or more"]),
        ({"minutes": 0}, ["tuning.minutes = 0", "more than 0"]),
        ({"steps": 0}, ["tuning.steps = 0"]),
        ({"seed": -1}, ["tuning.seed = -1"]),
        ({"space": {}}, ["tuning.space", "one knob or more"]),
        ({"space": {"generator.widht": {"min": 1, "max": 2}}}, ["mean 'generator.width'?"]),
        ({"space": {"encoder.width": {"min": 1, "max": 2}}}, ["'encoder.width'", "generator."]),
        ({"space": {"generator.augment": {"values": ["a", "b"]}}}, ["'generator.augment'"]),
        ({"space": {"generator.width": {"mni": 1, "max": 2}}}, ["generator.width.mni", "min"]),
        ({"space": {"generator.width": {"min": 1}}}, ["both min and max"]),
        ({"space": {"generator.width": {"min": 2, "max": 2}}}, ["min = 2", "less than max"]),
        ({"space": {"generator.width": {"min": 2, "max": 3.5}}}, ["whole numbers"]),
        ({"space": {"generator.width": {"values": [1, "2"]}}}, ["whole numbers"]),
        ({"space": {"generator.width": {"values": [4]}}}, ["two values or more"]),
        ({"space": {"generator.width": {"values": [4, 5], "min": 1}}}, ["either values, or"]),
        ({"space": {"generator.loss": {"min": 1, "max": 2}}}, ["it is no number"]),
        ({"space": {"generator.noise": {"values": [True, False]}}}, ["whole numbers"]),
        (
            {"space": {"generator.kl_weight": {"min": 0, "max": 1, "sampling": "log"}}},
            ["more than 0 where sampling is log"],
        ),
        (
            {"space": {"generator.kl_weight": {"min": 0, "max": 1, "sampling": "lgo"}}},
            ["sampling = 'lgo'", "mean 'log'?"],
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(changes, words):
    with pytest.raises(SettingsError) as caught:
        read(**changes)
    assert all(word in str(caught.value) for word in ["mine.yaml", *words]), str(caught.value)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"generator.adversarial_from": {"min": 0.5, "max": 1.5}}, "adversarial_from = 1.5"),
        ({"generator.learning_rate": {"values": [-1, 1]}}, r"learning_rate = -1\.0"),
        ({"generator.penalty": {"values": ["r1", "r3"]}}, "penalty = 'r3'"),
    ],
)
def test_ranges_are_those_of_the_real_settings(space, words):
    (name,) = space
    with pytest.raises(SettingsError, match=rf"tuning\.space\.{name}: generator\.{words}"):
        read(space=space).require_fit(Experiment())


def test_ranges_are_checked_beside_the_configs_other_settings():
    tuning = read(space={"generator.adversarial_from": {"min": 0.2, "max": 0.5}})
    tuning.require_fit(Experiment())
    plain = GeneratorSettings(reconstruction_weight=0.0, adversarial_from=0.0)
    with pytest.raises(SettingsError, match="no bound to begin with"):
        tuning.require_fit(replace(Experiment(), generator=plain))


def test_knobs_are_numbers_text_and_switches():
    assert {"encoder.text", "encoder.flip", "encoder.width"} <= set(knob_names("encoder"))
    assert "generator.augment" not in knob_names("generator")
    assert [kind(f"encoder.{key}") for key in ("width", "dropout", "text", "flip")] == [
        int,
        float,
        str,
        bool,
    ]
    assert kind("generator.penalty_weight") is float


def test_values_replace_settings_and_nothing_else():
    changed = with_values(Experiment(), {"encoder.width": 5, "encoder.dropout": 0})
    wanted = replace(Experiment().encoder, width=5, dropout=0.0)
    assert changed == replace(Experiment(), encoder=wanted)


@pytest.mark.parametrize("name", ["training.steps", "encoder.widht"])
def test_values_of_no_stage_are_refused(name):
    with pytest.raises(SettingsError, match="hyperparameters"):
        with_values(Experiment(), {name: 1})


def test_a_trial_has_its_own_budget_and_the_runs_seed():
    base = Experiment()
    base = replace(base, training=replace(base.training, seed=7, steps=900))
    trial = for_trial(base, read(minutes=3), {"generator.learning_rate": 0.002})
    budget = trial.training
    assert (budget.steps, budget.minutes * budget.shares["generator"]) == (None, 3.0)
    assert budget.seed == 7 and trial.generator.learning_rate == 0.002
    assert for_trial(base, read(steps=5), {}).training.steps == 5


def test_own_values_are_those_of_the_config_where_all_are_in_the_space():
    base = Experiment()
    tuning = read(space={"generator.learning_rate": SPACE["generator.learning_rate"]})
    assert own_values(base, tuning) == {"generator.learning_rate": base.generator.learning_rate}
    assert own_values(base, read()) == {}
