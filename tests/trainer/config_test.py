"""Ranges and choices of the trainer's settings."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.config import (
    ADVERSARIAL_LOSSES,
    GRADIENT_PENALTIES,
    STAGES,
    Experiment,
    GeneratorSettings,
    TrainingSettings,
)
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
        ("data", "resolution", 48, "16, 28, 32, 64, 128, 256"),
        ("data", "max_captions", 0, "1 to 64"),
        ("data", "max_length", 3, "4 to 256"),
        ("data", "vocabulary_size", 0, "1 or more"),
        ("data", "min_count", 0, "1 or more"),
        ("data", "labels", "caption", "auto, given, captions"),
        ("data", "max_labels", 0, "1 or more"),
        ("data", "min_label_count", 0, "1 or more"),
        ("encoder", "text", "lstm", "gru, transformer"),
        ("encoder", "batch_size", 0, "1 or more"),
        ("encoder", "crop", 0.0, "above 0, at most 1"),
        ("encoder", "colour", 1.5, "0 to 1"),
        ("encoder", "cutout", 1.0, "0 or more, below 1"),
        ("encoder", "learning_rate", 0, "more than 0"),
        ("captioner", "attention", "soft", "additive, none"),
        ("captioner", "layers", 0, "1 to 8"),
        ("captioner", "self_critical_from", -0.1, "0 to 1"),
        ("captioner", "self_critical_learning_rate", 0.0, "more than 0, or null"),
        ("captioner", "sampled_words", 1.5, "0 to 1"),
        ("captioner", "beam", 17, "1 to 16"),
        ("captioner", "no_repeat", -1, "0 to 16"),
        ("training", "seed", -1, "0 to 2000000000"),
        ("training", "seed", 2**31, "0 to 2000000000"),
        ("captioner", "learning_rate", -1e-3, "more than 0"),
        (
            "generator",
            "loss",
            "hing",
            "auto, elbo, minimax, non_saturating, least_squares, wasserstein, wgan_gp",
        ),
        ("generator", "penalty", "r3", "auto, r1, r2, r1_r2, wgan_gp, matching_aware, none"),
        ("generator", "architecture", "one_stag", "mlp, dcgan, two_stage, one_stage, vae"),
        ("generator", "discriminator", "project", "matching_aware, projection, unconditional"),
        ("generator", "augment", ["cutout", "color"], "colour"),
        ("generator", "penalty_every", 0, "1 or more, or null"),
        ("generator", "penalty_weight", -1.0, "0 or more, or null"),
        ("generator", "batch_size", 1, "2 or more"),
        ("generator", "discriminator_steps", 0, "1 or more, or null"),
        ("generator", "conditioning_ramp", 1.5, "0 to 1"),
        ("generator", "augment_colour", 1.5, "0 to 1, or null"),
        ("generator", "augment_images", 0, "1 or more"),
        ("generator", "free_bits", -0.1, "0 or more"),
        ("training", "minutes", 0, "more than 0"),
        ("training", "steps", 0, "1 or more, or null"),
        ("training", "precision", "float64", "auto, float32, bfloat16, float16"),
        ("training", "accumulate", 0, "1 or more"),
        ("training", "strategy", "mirored", "none, mirrored, multi_worker"),
        ("training", "steps", {"encoder": 1}, "encoder, captioner, generator"),
        ("training", "steps", {"encoder": 1, "captioner": 0, "generator": 1}, "1 or more"),
        ("training", "steps", {"encodr": 1}, "did you mean 'encoder'"),
        ("training", "check_steps", 0, "1 or more, or null"),
        ("training", "patience", 0, "1 or more, or null"),
        ("training", "schedule", "cosin", "cosine, constant, plateau"),
        ("training", "plateau_checks", 0, "1 or more"),
        ("training", "plateau_factor", 1.0, "between 0 and 1"),
        ("training", "keep", "first", "last, best"),
        ("training", "rollbacks", -1, "0 or more"),
        ("training", "devices", 0, "1 or more, or null"),
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


@pytest.mark.parametrize(
    ("room", "key"), [("encoder", "learning_rate"), ("generator", "penalty_weight")]
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_told_with_its_key(room, key, value):
    with pytest.raises(SettingsError) as caught:
        from_mapping(Experiment, {room: {key: value}}, "one.yaml")
    message = str(caught.value)
    assert message.startswith(f"one.yaml: {room}.{key} ") and message.endswith(f"not {value}")


@pytest.mark.parametrize(
    ("values", "key", "remedies"),
    [
        ({"loss": "wgan_gp", "penalty": "none"}, "penalty = 'none'", ("wgan_gp", "wasserstein")),
        (
            {"loss": "wgan_gp", "penalty_weight": 0.0},
            "penalty_weight = 0.0",
            ("weight above 0", "wasserstein"),
        ),
        (
            {"loss": "wasserstein", "penalty": "wgan_gp"},
            "penalty = 'wgan_gp'",
            ("loss wgan_gp", "penalty auto"),
        ),
        ({"architecture": "vae", "loss": "hinge"}, "loss = 'hinge'", ("elbo", "architecture")),
        ({"loss": "elbo"}, "loss = 'elbo'", ("architecture vae", "adversarial_from 1")),
    ],
)
def test_losses_and_penalties_that_contradict_each_other_are_refused(values, key, remedies):
    with pytest.raises(SettingsError) as caught:
        from_mapping(Experiment, {"generator": values}, "one.yaml")
    message = str(caught.value)
    assert message.startswith(f"one.yaml: generator.{key} is not allowed: ")
    assert all(remedy in message.partition("; take ")[2] for remedy in remedies)


@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES)
def test_all_other_pairs_of_a_loss_and_a_penalty_are_allowed(loss):
    senseless = {("wgan_gp", "none"), ("wasserstein", "wgan_gp")}
    for penalty in ("auto", *GRADIENT_PENALTIES, "none"):
        if (loss, penalty) not in senseless:
            GeneratorSettings(loss=loss, penalty=penalty)
    if loss != "wgan_gp":
        GeneratorSettings(loss=loss, penalty_weight=0.0)


def test_auto_is_the_loss_that_goes_with_the_architecture():
    assert GeneratorSettings().loss_in_use == "hinge"
    assert GeneratorSettings(architecture="vae").loss_in_use == "elbo"
    assert GeneratorSettings(loss="minimax").loss_in_use == "minimax"


def test_settings_load_no_tensorflow():
    code = "import sys, trainer.config; print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"conditional": False}, "generator.discriminator = 'matching_aware'.*to unconditional"),
        (
            {"conditional": False, "discriminator": "projection"},
            "generator.discriminator = 'projection'.*to unconditional",
        ),
        (
            {"discriminator": "unconditional", "penalty": "matching_aware"},
            "generator.penalty = 'matching_aware'.*to r1 or none",
        ),
    ],
)
def test_captions_are_not_asked_for_where_nobody_reads_them(values, remedy):
    with pytest.raises(SettingsError, match=f"^one.yaml: {remedy}"):
        from_mapping(Experiment, {"generator": values}, "one.yaml")


@pytest.mark.parametrize("conditional", [True, False])
def test_a_discriminator_may_ignore_captions_that_the_generator_paints(conditional):
    values = {"conditional": conditional, "discriminator": "unconditional"}
    settings = from_mapping(Experiment, {"generator": values}, "one.yaml").generator
    assert (settings.conditional, settings.discriminator) == (conditional, "unconditional")


@pytest.mark.parametrize(
    ("resolution", "sketch", "allowed"),
    [(32, 12, "16 or 8"), (32, 32, "16 or 8"), (256, 32, "128 or 64"), (28, 7, "14"), (16, 4, "8")],
)
def test_a_sketch_has_a_half_or_a_quarter_of_the_side(resolution, sketch, allowed):
    generator = {"architecture": "two_stage", "sketch_resolution": sketch}
    values = {"data": {"resolution": resolution}, "generator": generator}
    message = f"one.yaml: generator.sketch_resolution = {sketch} .*: {allowed} where"
    with pytest.raises(SettingsError, match=message):
        from_mapping(Experiment, values, "one.yaml")
    for side in (*map(int, allowed.split(" or ")), None):
        generator["sketch_resolution"] = side
        assert from_mapping(Experiment, values, "").generator.sketch_resolution == side


def test_steps_are_those_of_a_stage_or_of_all():
    each = {"encoder": 1, "captioner": 2, "generator": 3}
    assert [TrainingSettings(steps=each).steps_of(stage) for stage in STAGES] == [1, 2, 3]
    assert [TrainingSettings(steps=4).steps_of(stage) for stage in STAGES] == [4, 4, 4]
    assert TrainingSettings().steps_of("encoder") is None
