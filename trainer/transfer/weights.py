"""One weight of a new model from its counterpart in an earlier one: name, axes, values."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import keras
import numpy as np

from data.text import START
from trainer.config import Experiment
from trainer.models.build import GENERATORS
from trainer.models.layers import Consult
from trainer.models.posterior import Posterior
from trainer.models.vae import VaeEncoder

# Names of weights that are the same in every process.
#
# Keras numbers layers as they are made, so that the path of a weight depends on what was built
# before. Here a weight is called by the attributes that lead to it. A layer in a list is called by
# its place there, or by the side of its grid where its own name says so
# (`trainer.models.layers.at`), so that a block keeps its name when others come before it.


_PLACED = "at_"
# Where Keras keeps track of layers that stand in attributes too.
_TRACKERS = ("_layers", "_metrics")


def named_weights(model: keras.Layer) -> dict[str, keras.Variable]:
    """Returns all weights of a built model by name, such as `blocks/at_8/first/kernel`.

    Raises:
      ValueError: two weights of one name.
    """
    found: dict[str, keras.Variable] = {}
    _walk(model, "", found, set())
    return found


def layers_of(model: keras.Layer, prefix: str = "") -> Iterator[tuple[str, keras.Layer]]:
    """Yields every layer below `model` with its name, the outer ones first."""
    for name, child in _children(model):
        yield f"{prefix}{name}", child
        yield from layers_of(child, f"{prefix}{name}/")


def _walk(layer, prefix: str, found: dict[str, keras.Variable], seen: set[int]) -> None:
    for name, child in _children(layer):
        _walk(child, f"{prefix}{name}/", found, seen)
    for weight in layer.weights:
        if id(weight) in seen:
            continue
        seen.add(id(weight))
        name = f"{prefix}{weight.name}"
        if name in found:
            raise ValueError(f"two weights are called {name}")
        found[name] = weight


def _children(layer: keras.Layer) -> Iterator[tuple[str, keras.Layer]]:
    """Layers in the attributes of `layer`, public ones first."""
    attributes = sorted(vars(layer).items(), key=lambda item: item[0].startswith("_"))
    for name, value in attributes:
        if isinstance(value, keras.Layer):
            placed = f"/{value.name}" if value.name.startswith(_PLACED) else ""
            yield f"{name.lstrip('_')}{placed}", value
        elif isinstance(value, list | tuple) and name not in _TRACKERS:
            for index, item in enumerate(value):
                if isinstance(item, keras.Layer):
                    place = item.name if item.name.startswith(_PLACED) else index
                    yield f"{name.lstrip('_')}/{place}", item


# What the axes of a weight stand for: words, labels, languages, or nothing but a place.
#
# Where an axis stands for something, its entries are matched by what they stand for, whatever their
# places: a word that has another number in the new vocabulary takes its row along.


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
    **{f"head/consult/{name}": kinds for name, kinds in Consult.axes.items()},
    "head/sentence/kernel": ("told", ""),
    "head/match/kernel": ("told", ""),
}


def axes_of(stage: str, part: str, name: str, rank: int, world: World) -> tuple[Axis | None, ...]:
    """Returns what each axis of a weight stands for; None where entries go by their place.

    Args:
      stage: `encoder`, `captioner` or `generator`.
      part: of the stage, see `trainer.transfer.start`.
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
    generator = GENERATORS[settings.architecture].generator
    by_part = {
        "generator": generator.axes,
        "inference": VaeEncoder.axes,
        "posterior": Posterior.axes,
    }
    return by_part.get(part, {})


def _axis(kind: str, world: World) -> Axis | None:
    if not kind:
        return None
    keys, fill = _KINDS[kind]
    return Axis(tuple(keys(world)), fill)


# One weight of a new model from its counterpart in an earlier one.


# Of the known entries' deviation.
_NEAR = 0.1

Axes = Sequence[Axis | None]


class Merged(NamedTuple):
    """A new value of a weight.

    Attributes:
      value: float32, of the new shape.
      kept: how many of its numbers are those of the earlier model.
    """

    value: np.ndarray
    kept: int


def merged(
    old: np.ndarray, old_axes: Axes, new: np.ndarray, new_axes: Axes, seed: Sequence[int]
) -> Merged | None:
    """Returns `new` with all entries of `old` that stand for the same, or None if none do.

    Entries that go by their place must be as many in both: nothing is cut to size. Of several axes
    with new entries, the later ones decide where those cross.

    Args:
      old, new: the weight of the earlier model, and that of the new one as it was initialised.
      old_axes, new_axes: what their axes stand for.
      seed: of the draws for new entries.
    """
    if old.ndim != new.ndim:
        return None
    if old.ndim == 0:
        return Merged(old, 1)
    pairs = []
    for axis, both in enumerate(zip(old_axes, new_axes, strict=True)):
        found = _matched(*both, old.shape[axis], new.shape[axis])
        if found is None:
            return None
        pairs.append(found)
    source, target = (np.ix_(*places) for places in zip(*pairs, strict=True))
    value = new.copy()
    value[target] = old[source]
    for axis, kind in enumerate(new_axes):
        if kind is not None:
            _fill(value, axis, kind, pairs[axis][1], np.random.default_rng([*seed, axis]))
    return Merged(value, int(np.prod([len(places) for _, places in pairs])))


def _matched(
    old: Axis | None, new: Axis | None, old_size: int, new_size: int
) -> tuple[list[int], list[int]] | None:
    """Places in the old and the new axis of what both have, in the order of the new one."""
    before, now = (() if axis is None else axis.keys for axis in (old, new))
    rest = new_size - len(now)
    if rest != old_size - len(before):
        return None
    where = {key: rest + place for place, key in enumerate(before)}
    shared = [(where[key], rest + place) for place, key in enumerate(now) if key in where]
    by_place = [(place, place) for place in range(rest)]
    both = by_place + shared
    if not both:
        return None
    return [source for source, _ in both], [target for _, target in both]


def _fill(
    value: np.ndarray, axis: int, kind: Axis, known: Sequence[int], draws: np.random.Generator
) -> None:
    """Gives entries along `axis` that are not `known` a start, in place."""
    unknown = sorted(set(range(value.shape[axis])) - set(known))
    if not unknown:
        return
    rows = np.moveaxis(value, axis, 0)
    if kind.fill == SILENT:
        rows[unknown] = 0.0
    elif kind.fill in (ALIKE, AVERAGE):
        share = 1.0 if kind.fill == ALIKE else _NEAR
        mean, deviation = rows[known].mean(axis=0), rows[known].std(axis=0)
        noise = draws.standard_normal((len(unknown), *rows.shape[1:]))
        rows[unknown] = mean + share * deviation * noise
        _begin_alike(rows, kind, set(known))


def _begin_alike(rows: np.ndarray, kind: Axis, known: set[int]) -> None:
    """Captions in a new language begin as those in the known ones do."""
    first = len(rows) - len(kind.keys)
    places = [first + place for place, key in enumerate(kind.keys) if isinstance(key, Language)]
    old = [place for place in places if place in known]
    new = [place for place in places if place not in known]
    if old and new:
        rows[new] = rows[old].mean(axis=0)


def resized_patches(kernel: np.ndarray, before: int, now: int) -> np.ndarray | None:
    """Fits a convolution over blocks of pixels to blocks of another side.

    On a picture that is enlarged by repeated pixels, the result is what it was on the picture
    itself; on one that is made smaller, what it was on the means of pixels. So does a vision
    transformer keep its patch embedding at another resolution (FlexiViT, Beyer et al. 2023, section
    3.4), which for whole factors comes to this.

    Args:
      kernel: float32 [h, w, before * before * 3, channels], blocks row by row.
      before, now: sides of the blocks in pixels.

    Returns:
      float32 [h, w, now * now * 3, channels], or None where neither side divides the other.
    """
    height, width, _, channels = kernel.shape
    blocks = kernel.reshape(height, width, before, before, 3, channels)
    if now % before == 0:
        factor = now // before
        spread = blocks.repeat(factor, axis=2).repeat(factor, axis=3) / factor**2
    elif before % now == 0:
        factor = before // now
        spread = blocks.reshape(height, width, now, factor, now, factor, 3, channels).sum((3, 5))
    else:
        return None
    return spread.reshape(height, width, now * now * 3, channels)
