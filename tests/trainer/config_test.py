"""Ranges and choices of the trainer's settings."""

import dataclasses

import pytest

from trainer.config import STAGES, Experiment
from trainer.settings_loader import SettingsError, from_mapping, to_mapping


def test_an_experiment_survives_the_way_to_plain_values_and_back():
    values = to_mapping(Experiment(name="one"))
    values["generator"] |= {"penalty_weight": 0.5, "augment": ["colour", "cutout"]}
    values["training"] |= {"steps": 7, "precision": "float32"}
    experiment = from_mapping(Experiment, values, "one.yaml")
    assert experiment.generator.augment == ("colour", "cutout")
    assert experiment.training.steps == 7
    assert to_mapping(experiment) == values


def test_the_defaults_share_the_budget_among_all_stages():
    assert set(Experiment().training.shares) == set(STAGES)
    assert sum(Experiment().training.shares.values()) == pytest.approx(1.0)


def test_settings_cannot_change_behind_ones_back():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Experiment().data.resolution = 64


@pytest.mark.parametrize(
    ("room", "key", "value", "allowed"),
    [
        ("data", "resolution", 48, "16, 32, 64, 128, 256"),
        ("data", "max_captions", 0, "1 to 64"),
        ("data", "max_length", 3, "4 to 256"),
        ("data", "vocabulary_size", 0, "1 or more"),
        ("data", "min_count", 0, "1 or more"),
        ("encoder", "text", "lstm", "gru, transformer"),
        ("encoder", "batch_size", 0, "1 or more"),
        ("encoder", "learning_rate", 0, "more than 0"),
        ("encoder", "learning_rate", float("nan"), "more than 0"),
        ("captioner", "attention", "soft", "additive, none"),
        ("captioner", "layers", 0, "1 to 8"),
        ("captioner", "self_critical_from", -0.1, "0 to 1"),
        ("captioner", "sampled_words", 1.5, "0 to 1"),
        ("captioner", "beam", 17, "1 to 16"),
        ("captioner", "no_repeat", -1, "0 to 16"),
        ("captioner", "learning_rate", -1e-3, "more than 0"),
        ("generator", "architecture", "one_stag", "one_stage"),
        ("generator", "loss", "hing", "hinge"),
        ("generator", "penalty", "r3", "r1, matching_aware, none"),
        ("generator", "augment", ["cutout", "color"], "colour"),
        ("generator", "penalty_every", 0, "1 or more"),
        ("generator", "batch_size", 1, "2 or more"),
        ("training", "minutes", 0, "more than 0"),
        ("training", "steps", 0, "1 or more, or null"),
        ("training", "precision", "float16", "auto, float32, bfloat16"),
        ("training", "shares", {"encoder": 1.0}, "encoder, captioner, generator"),
        (
            "training",
            "shares",
            {"encoder": 1.0, "captioner": 1.0, "generator": 0.0},
            "a positive number",
        ),
        ("training", "shares", {"drawer": 1.0}, "encoder, captioner, generator"),
    ],
)
def test_a_value_out_of_range_names_file_key_and_what_is_allowed(room, key, value, allowed):
    with pytest.raises(SettingsError) as caught:
        from_mapping(Experiment, {room: {key: value}}, "one.yaml")
    message = str(caught.value)
    assert message.startswith(f"one.yaml: {room}.{key} = ") and allowed in message
