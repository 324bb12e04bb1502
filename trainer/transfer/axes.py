"""What the axes of a weight stand for: words, labels, languages, or nothing but a place.

Where an axis stands for something, its entries are matched by what they stand for, whatever their
places: a word that has another number in the new vocabulary takes its row along.
"""

from __future__ import annotations

from collections.abc import Hashable
from fnmatch import fnmatchcase
from typing import NamedTuple

from data.text import START
from trainer.config import Experiment

# What becomes of entries that the earlier model lacks.
FRESH = "fresh"  # as the new model was initialised
SILENT = "silent"  # zero: a new input says nothing at first, and the model does what it did
ALIKE = "alike"  # drawn with mean and deviation of the known entries
AVERAGE = "average"  # the same with a tenth of the deviation


class World(NamedTuple):
    """What a model's inputs and outputs stand for.

    Attributes:
      experiment: all settings.
      tokens: every token by id, the special ones first.
      attributes: names of the labels, in order.
      languages: that a captioner writes, the default first.
    """

    experiment: Experiment
    tokens: tuple[str, ...]
    attributes: tuple[str, ...]
    languages: tuple[str, ...]


class Language(NamedTuple):
    """Key of an entry that is heard in place of the start of a caption."""

    tag: str


class Axis(NamedTuple):
    """An axis whose last `len(keys)` entries stand for `keys`; those before go by their place.

    Attributes:
      keys: what entries stand for.
      fill: of entries that the earlier model lacks.
    """

    keys: tuple[Hashable, ...]
    fill: str


def _heard(world: World) -> tuple[Hashable, ...]:
    """Of a captioner's embeddings; where it writes one language, the start stands for it."""
    if len(world.languages) == 1:
        return (*world.tokens[:START], Language(world.languages[0]), *world.tokens[START + 1 :])
    return (*world.tokens, *map(Language, world.languages))


def _labels(world: World) -> tuple[Hashable, ...]:
    """Of the recogniser, which without labels has one output for nothing."""
    return world.attributes or ("",)


def _places(world: World) -> tuple[Hashable, ...]:
    return tuple(range(world.experiment.data.max_length))


_KINDS = {
    "words": (lambda world: world.tokens, ALIKE),
    "heard": (_heard, ALIKE),
    # The bias says how likely a word is, and the rest should not gainsay it.
    "said": (lambda world: world.tokens, AVERAGE),
    "frequencies": (lambda world: world.tokens, FRESH),
    "places": (_places, FRESH),
    "labels": (_labels, FRESH),
    # The embedding goes before the labels, and before it what else is read beside it.
    "told": (_labels, SILENT),
    "gates": (_labels, FRESH),
}

Spec = dict[str, tuple[str, ...]]

_CONSULT: Spec = {
    "gate/kernel": ("", "gates"),
    "gate/bias": ("gates",),
    "read/kernel": ("told", ""),
}
_ENCODER: Spec = {
    "text_tower/words/embeddings": ("words", ""),
    "text_tower/places/embeddings": ("places", ""),
    "*/recognise/kernel": ("", "labels"),
    "*/recognise/bias": ("labels",),
}
_CAPTIONER: Spec = {
    "words/embeddings": ("heard", ""),
    "start_state/kernel": ("told", ""),
    "gate/kernel": ("", "gates"),
    "gate/bias": ("gates",),
    "vocabulary/kernel": ("", "said"),
    "vocabulary/bias": ("frequencies",),
}
_ATTENDING: Spec = {"widen/kernel": ("told", "")}
_CRITIC: Spec = {
    **{f"head/consult/{name}": kinds for name, kinds in _CONSULT.items()},
    "head/sentence/kernel": ("told", ""),
    "head/match/kernel": ("told", ""),
}
_POSTERIOR: Spec = {"join/kernel": ("told", "")}
_GENERATORS: dict[str, Spec] = {
    "mlp": {"first/kernel": ("told", "")},
    "dcgan": {"tell/kernel": ("told", "")},
    "two_stage": {
        "*/augment/mean/kernel": ("told", ""),
        "*/augment/log_variance/kernel": ("told", ""),
    },
    "one_stage": {
        "condition/kernel": ("told", ""),
        "seed/kernel": ("told", ""),
        **{f"consult/*/{name}": kinds for name, kinds in _CONSULT.items()},
    },
    "vae": {"hidden/kernel": ("told", "")},
}


def axes_of(stage: str, part: str, name: str, rank: int, world: World) -> tuple[Axis | None, ...]:
    """Returns what each axis of a weight stands for; None where entries go by their place.

    Args:
      stage: `encoder`, `captioner` or `generator`.
      part: of the stage, see `trainer.transfer.parts`.
      name: of the weight in its part.
      rank: number of its axes.
      world: of the model.
    """
    kinds = next((k for p, k in _spec(stage, part, world).items() if fnmatchcase(name, p)), None)
    if kinds is None:
        return (None,) * rank
    return tuple(_axis(kind, world) for kind in kinds)


def _spec(stage: str, part: str, world: World) -> Spec:
    if stage == "encoder":
        return _ENCODER
    if stage == "captioner":
        attends = world.experiment.captioner.attention != "none"
        return _CAPTIONER | (_ATTENDING if attends else {})
    settings = world.experiment.generator
    if not settings.conditional:
        return {}
    if part.endswith("discriminator"):
        return _CRITIC
    painter = _GENERATORS[settings.architecture]
    by_part = {"generator": painter, "inference": _GENERATORS["vae"], "posterior": _POSTERIOR}
    return by_part.get(part, {})


def _axis(kind: str, world: World) -> Axis | None:
    if not kind:
        return None
    keys, fill = _KINDS[kind]
    return Axis(tuple(keys(world)), fill)
