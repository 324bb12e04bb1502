"""Axes that grow with the labels or the words are known to stand for them, in every system."""

from dataclasses import replace

import pytest

from trainer.config import ARCHITECTURES
from trainer.transfer.start import blank
from trainer.transfer.weights import World, axes_of, named_weights

TOKENS = ("[PAD]", "[UNK]", "[START]", "[END]", "a", "b")
SYSTEMS = [
    *(("generator", {"architecture": name}) for name in ARCHITECTURES),
    ("encoder", {}),
    ("captioner", {}),
    ("captioner", {"attention": "none"}),
]


@pytest.mark.parametrize(("stage", "settings"), SYSTEMS)
def test_an_axis_grows_by_as_much_as_what_it_stands_for(experiment, stage, settings):
    changed = replace(experiment, **{stage: replace(getattr(experiment, stage), **settings)})
    few = World(changed, TOKENS, ("x",), ("en",))
    many = World(changed, (*TOKENS, "c", "d", "e"), ("x", "y", "z"), ("en",))
    before, after = blank(stage, few), blank(stage, many)
    grown = []
    for part, model in after.items():
        shapes = {name: weight.shape for name, weight in named_weights(before[part]).items()}
        for name, weight in named_weights(model).items():
            axes = [axes_of(stage, part, name, len(weight.shape), world) for world in (few, many)]
            for place, pair in enumerate(zip(*axes, strict=True)):
                keys = [len(axis.keys) if axis else 0 for axis in pair]
                by = weight.shape[place] - shapes[name][place]
                assert by == keys[1] - keys[0], f"{part}: axis {place} of {name}"
                grown += [part] if by else []
    assert grown
