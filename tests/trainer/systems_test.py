"""Every architecture with every loss trains and exports; the rest is refused with the reason."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from trainer import serving
from trainer.config import ADVERSARIAL_LOSSES, ARCHITECTURES, GeneratorSettings
from trainer.settings_loader import SettingsError
from trainer.train import train

PAIRS = [
    *((name, loss) for name in ARCHITECTURES if name != "vae" for loss in ADVERSARIAL_LOSSES),
    ("vae", "elbo"),
]


@pytest.fixture
def trained_as(trained, experiment, prepared, tmp_path, monkeypatch, eagerly):
    """Returns a function: settings of the generator -> (summary, directory of the model)."""
    encoder = str(trained("encoder").model_dir)

    def make(**settings):
        changed = replace(
            experiment,
            generator=replace(experiment.generator, **settings),
            training=replace(experiment.training, steps=3),
        )
        model = tmp_path / "model"
        summary = train(changed, "generator", prepared, str(tmp_path / "work"), str(model), encoder)
        return summary, model

    with eagerly():
        yield make


@pytest.mark.parametrize(("architecture", "loss"), PAIRS)
def test_each_system_trains(trained_as, monkeypatch, architecture, loss):
    monkeypatch.setattr(
        "trainer.tasks.text_to_image.TextToImageTask.export", lambda self, path: None
    )
    monkeypatch.setattr("trainer.tasks.vae.VaeTask.export", lambda self, path: None)
    summary, _ = trained_as(architecture=architecture, loss=loss, discriminator_steps=1)
    assert summary.steps == 3 and summary.parameters["generator" if loss != "elbo" else "decoder"]
    assert all(np.isfinite(value) for value in summary.validation.values())


@pytest.mark.parametrize(
    ("architecture", "loss"),
    [("vae", loss) for loss in ADVERSARIAL_LOSSES]
    + [(name, "elbo") for name in ARCHITECTURES if name != "vae"],
)
def test_the_rest_is_refused(architecture, loss):
    with pytest.raises(SettingsError, match=f"loss = '{loss}' is not allowed: .*take "):
        GeneratorSettings(architecture=architecture, loss=loss)


def side_of(png):
    return tf.io.decode_png(png).shape


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "one_stage"])
def test_each_architecture_is_served(trained_as, scenes, architecture):
    _, directory = trained_as(architecture=architecture)
    model = serving.load(str(directory))
    once, again, other = serving.generate(model, ["a red circle"] * 3, [1, 1, 2])
    assert side_of(once.png) == (16, 16, 3)
    assert once.png == again.png != other.png


def test_the_vae_paints_pictures_again(trained_as, scenes):
    _, directory = trained_as(architecture="vae")
    model = serving.load(str(directory))
    scene = scenes["val"][0]
    found = model.signatures["reconstruct"](
        image_bytes=tf.constant([scene.encoded] * 2), text=tf.constant([scene.captions[0]] * 2)
    )["image_bytes"].numpy()
    assert found[0] == found[1] and side_of(found[0]) == (16, 16, 3)


def test_a_generator_without_captions_is_served_and_ignores_them(trained_as):
    _, directory = trained_as(conditional=False, discriminator="unconditional")
    model = serving.load(str(directory))
    one, same, other = serving.generate(model, ["a red circle", "a blue square", "x"], [1, 1, 2])
    assert one.png == same.png != other.png
