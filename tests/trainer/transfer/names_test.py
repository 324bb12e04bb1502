"""Weights are called the same whatever was built before, and blocks by the side of their grids."""

from dataclasses import replace

import keras
import pytest

from trainer.config import ARCHITECTURES
from trainer.transfer.start import blank
from trainer.transfer.weights import World, layers_of, named_weights


def world(experiment, resolution=16, **generator):
    changed = replace(
        experiment,
        data=replace(experiment.data, resolution=resolution),
        generator=replace(experiment.generator, **generator),
    )
    tokens = ("[PAD]", "[UNK]", "[START]", "[END]", "a", "b")
    return World(changed, tokens, ("x",), ("en", "zh"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_weight_of_a_generator_and_its_critics_has_a_name(experiment, architecture):
    for model in blank("generator", world(experiment, architecture=architecture)).values():
        assert len(named_weights(model)) == len(model.weights)


@pytest.mark.parametrize("text", ["convolution", "gru", "transformer"])
def test_every_weight_of_an_encoder_has_a_name(experiment, text):
    encoder = replace(experiment.encoder, text=text)
    (model,) = blank("encoder", world(replace(experiment, encoder=encoder))).values()
    names = named_weights(model)
    assert len(names) == len(model.weights)
    assert {
        "text_tower/words/embeddings",
        "image_tower/to_grid/1/first/kernel",
        "log_scale",
    } <= set(names)


@pytest.mark.parametrize("layers", [1, 3])
def test_every_weight_of_a_captioner_has_a_name(experiment, layers):
    captioner = replace(experiment.captioner, layers=layers)
    (model,) = blank("captioner", world(replace(experiment, captioner=captioner))).values()
    assert len(named_weights(model)) == len(model.weights)


def test_names_do_not_depend_on_what_was_built_before(experiment):
    before = blank("generator", world(experiment))
    keras.layers.Conv2D(3, 3)
    after = blank("generator", world(experiment))
    for part, model in before.items():
        assert list(named_weights(model)) == list(named_weights(after[part]))
        assert all("_1" not in name and "conv2d" not in name for name in named_weights(model))


def test_a_block_is_called_by_the_side_of_its_grid(experiment):
    small, large = (blank("generator", world(experiment, side)) for side in (16, 32))
    sides = [
        {name for name, _ in layers_of(parts["generator"]) if name.startswith("blocks/at_")}
        for parts in (small, large)
    ]
    blocks = [{name for name in one if name.count("/") == 1} for one in sides]
    assert blocks == [
        {"blocks/at_4", "blocks/at_8"},
        {"blocks/at_4", "blocks/at_8", "blocks/at_16"},
    ]


def test_two_weights_of_one_name_are_an_error():
    layer = keras.layers.Layer()
    for _ in range(2):
        layer.add_weight(shape=(1,), name="kernel")
    with pytest.raises(ValueError, match="two weights are called kernel"):
        named_weights(layer)
