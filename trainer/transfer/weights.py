"""Transfer of one weight from an earlier model to a new one: names, axes, values."""

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

# Stable names of weights.
#
# Keras numbers layers in the order of creation, so the path of a weight depends on the models built
# before. Here the name of a weight is the path of attributes that leads to it. A layer in a list is
# named by its index, or by the side of its feature map if its own name holds it
# (`trainer.models.layers.at`), so that a block keeps its name when others are added before it.


_PLACED = "at_"
# Keras attributes that repeat the layers of other attributes.
_TRACKERS = ("_layers", "_metrics")


def named_weights(model: keras.Layer) -> dict[str, keras.Variable]:
    """Returns all weights of a built model by name, such as `blocks/at_8/first/kernel`.

    Raises:
      ValueError: two weights have the same name.
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
    """Yields name and layer of the attributes of `layer`, public ones first."""
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


# The meaning of the axes of a weight: tokens, labels, languages, or plain indices.
#
# Entries of an axis with a meaning are matched by key, not by index: a token with another id in the
# new vocabulary keeps its row.


# Initial values of entries that the earlier model lacks.
FRESH = "fresh"  # the initial value of the new model
SILENT = "silent"  # zero: a new input has no effect at first, so the model behaves as before
ALIKE = "alike"  # Gaussian with the mean and the standard deviation of the known entries
AVERAGE = "average"  # the same with a tenth of the standard deviation


class World(NamedTuple):
    """The settings of a model and the vocabularies of its inputs and outputs.

    Attributes:
      experiment: all settings.
      tokens: every token by id, the special ones first.
      attributes: names of the labels, in order.
      languages: languages that a captioner writes, the default first.
    """

    experiment: Experiment
    tokens: tuple[str, ...]
    attributes: tuple[str, ...]
    languages: tuple[str, ...]


class Language(NamedTuple):
    """Key of the input token that selects a language at the start of a caption."""

    tag: str


class Axis(NamedTuple):
    """An axis whose last `len(keys)` entries have keys; the entries before match by index.

    Attributes:
      keys: the meaning of each entry.
      fill: initial value of entries that the earlier model lacks, such as `SILENT`.
    """

    keys: tuple[Hashable, ...]
    fill: str


def _heard(world: World) -> tuple[Hashable, ...]:
    """Returns the keys of a captioner's input tokens; a single language is the key of START."""
    if len(world.languages) == 1:
        return (*world.tokens[:START], Language(world.languages[0]), *world.tokens[START + 1 :])
    return (*world.tokens, *map(Language, world.languages))


def _labels(world: World) -> tuple[Hashable, ...]:
    """Returns the keys of the recogniser's outputs; without labels it has one unused output."""
    return world.attributes or ("",)


def _places(world: World) -> tuple[Hashable, ...]:
    return tuple(range(world.experiment.data.max_length))


_KINDS = {
    "words": (lambda world: world.tokens, ALIKE),
    "heard": (_heard, ALIKE),
    # The bias holds the frequency of a token; a small deviation keeps the kernel subordinate.
    "said": (lambda world: world.tokens, AVERAGE),
    "frequencies": (lambda world: world.tokens, FRESH),
    "places": (_places, FRESH),
    "labels": (_labels, FRESH),
    # The inputs end with the condition vector, which ends with the labels: only these have keys.
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
    """Returns the meaning of each axis of a weight; None if its entries match by index.

    Args:
      stage: `encoder`, `captioner` or `generator`.
      part: network of the stage, see `trainer.transfer.start`.
      name: name of the weight in its network.
      rank: number of its axes.
      world: vocabularies of the model.
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


# Merging two values of a weight.


# Factor of the standard deviation for `AVERAGE`.
_NEAR = 0.1

Axes = Sequence[Axis | None]


class Merged(NamedTuple):
    """A merged value of a weight.

    Attributes:
      value: float32, of the new shape.
      kept: how many of its entries come from the earlier model.
    """

    value: np.ndarray
    kept: int


def merged(
    old: np.ndarray, old_axes: Axes, new: np.ndarray, new_axes: Axes, seed: Sequence[int]
) -> Merged | None:
    """Returns `new` with all entries of `old` that have the same keys, or None if there are none.

    The number of entries that match by index must be equal: nothing is cropped. Where new entries
    of several axes cross, the later axis decides the initial value.

    Args:
      old: float32, the weight of the earlier model.
      new: float32, the initial weight of the new model.
      old_axes, new_axes: the meaning of their axes.
      seed: seed of the draws for new entries.
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
    """Returns the indices of common entries in the old and the new axis, in the new order."""
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
    """Initialises in place the entries along `axis` that are not `known`."""
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
    """Initialises the start tokens of new languages to the mean of the known ones."""
    first = len(rows) - len(kind.keys)
    places = [first + place for place, key in enumerate(kind.keys) if isinstance(key, Language)]
    old = [place for place in places if place in known]
    new = [place for place in places if place not in known]
    if old and new:
        rows[new] = rows[old].mean(axis=0)


def resized_patches(kernel: np.ndarray, before: int, now: int) -> np.ndarray | None:
    """Resizes the kernel of a convolution over pixel blocks to blocks of another side.

    For a picture enlarged by repeating pixels, the output is that of the old kernel on the original
    picture. For one reduced by averaging pixels, it is that of the old kernel on the averages. This
    is the resizing of patch embeddings in FlexiViT (Beyer et al. 2023, section 3.4) for integer
    factors.

    Args:
      kernel: float32 [h, w, before * before * 3, channels], blocks in row-major order.
      before, now: sides of the old and the new blocks, in pixels.

    Returns:
      float32 [h, w, now * now * 3, channels], or None if neither side divides the other.
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
