"""What is frozen by name stays as it was, to the bit; what was taken over may move slower."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.config import EncoderSettings, GeneratorSettings
from trainer.settings_loader import SettingsError
from trainer.train import train
from trainer.transfer.start import read
from trainer.transfer.weights import named_weights

STEPS = 4


@pytest.fixture
def trained_on(tmp_path, trained, experiment, prepared):
    """Returns a function: stage, changed settings -> (weights before, weights after, summary)."""

    def make(stage, start=True, **changes):
        settings = replace(getattr(experiment, stage), **changes)
        training = replace(experiment.training, steps=STEPS, schedule="constant")
        changed = replace(experiment, **{stage: settings}, training=training)
        encoder = None if stage == "encoder" else str(trained("encoder").model_dir)
        source = str(trained(stage).model_dir)
        place = str(tmp_path / f"work{len(list(tmp_path.iterdir()))}")
        summary = train(changed, stage, prepared, place, None, encoder, source if start else None)
        after = read(place, stage).parts
        return read(source, stage).parts, after, summary

    return make


def moved(before, after):
    """Names of the weights that differ."""
    return {
        f"{part}/{name}" if part else name
        for part in before
        for name in before[part]
        if not np.array_equal(before[part][name], after[part][name])
    }


def test_a_frozen_tower_stays_with_its_moving_averages(trained_on):
    before, after, summary = trained_on("encoder", freeze=("image_tower",))
    changed = moved(before, after)
    assert changed and all(name.startswith("text_tower") or name == "log_scale" for name in changed)
    assert "image_tower/to_layout/first_norm/moving_mean" in summary.start["frozen"]


def test_patterns_name_single_weights(trained_on):
    before, after, _ = trained_on("encoder", freeze=("*/recognise/*", "log_scale"))
    changed = moved(before, after)
    assert not any("recognise" in name or name == "log_scale" for name in changed)
    assert {"image_tower/stem/kernel", "image_tower/project/kernel"} <= changed


def test_the_lower_layers_of_a_discriminator_are_frozen(trained_on):
    """FreezeD."""
    frozen = ("discriminator/body",)
    before, after, summary = trained_on("generator", freeze=frozen, adversarial_from=0.0)
    changed = moved(before, after)
    assert not any(name.startswith("discriminator/body") for name in changed)
    assert any(name.startswith("discriminator/head") for name in changed)
    assert any(name.startswith("generator/") for name in changed)
    assert any("frozen: discriminator/body" in line for line in summary.start["lines"])


def test_what_is_frozen_for_a_part_of_the_training_is_trained_after_it(trained_on):
    freeze = {"freeze": ("text_tower",)}
    before, held, _ = trained_on("encoder", freeze_until=1.0, **freeze)
    assert not any("text_tower" in name for name in moved(before, held))
    _, loose, summary = trained_on("encoder", freeze_until=0.5, **freeze)
    assert any("text_tower" in name for name in moved(before, loose))
    assert any("until 50% is done" in line for line in summary.start["lines"])


def test_until_then_it_is_held_to_the_bit(trained_on):
    """With a later end than the last step's progress, nothing of it has moved."""
    before, after, _ = trained_on("encoder", freeze=("text_tower",), freeze_until=0.99)
    assert not any("text_tower" in name for name in moved(before, after))


def test_what_was_taken_over_moves_slower(trained_on):
    before, usual, _ = trained_on("encoder")
    _, slow, summary = trained_on("encoder", kept_rate=0.01)

    def far(after):
        name = "image_tower/project/kernel"
        return np.abs(after[""][name] - before[""][name]).mean()

    assert 0 < far(slow) < 0.05 * far(usual)
    assert summary.start["kept_rate"] == 0.01


def test_without_an_earlier_model_nothing_is_frozen(trained_on):
    _, after, summary = trained_on("encoder", start=False, freeze=("text_tower",), kept_rate=0.001)
    _, usual, _ = trained_on("encoder", start=False)
    assert summary.start is None
    assert moved(after, usual) == set()


def test_a_pattern_that_names_nothing_is_refused(trained_on):
    with pytest.raises(SettingsError, match=r"is called 'image_towr'.*mean 'image_tower'"):
        trained_on("encoder", freeze=("image_towr",))


def test_a_network_of_which_nothing_is_left_to_train_is_refused(trained_on):
    with pytest.raises(SettingsError, match="leaves nothing of discriminator to train"):
        trained_on("generator", freeze=("discriminator",))


@pytest.mark.parametrize("key", ["freeze_until", "kept_rate"])
@pytest.mark.parametrize("value", [0.0, 1.1])
def test_shares_are_above_0_and_at_most_1(key, value):
    for settings in (EncoderSettings, GeneratorSettings):
        with pytest.raises(SettingsError, match=f"{key} = {value}"):
            settings(**{key: value})


def test_names_of_the_tests_are_names_of_weights(trained):
    assert "image_tower/project/kernel" in named_weights(trained("encoder").task.model)
