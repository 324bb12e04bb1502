"""Names of weights that are the same in every process.

Keras numbers layers as they are made, so that the path of a weight depends on what was built
before. Here a weight is called by the attributes that lead to it. A layer in a list is called by
its place there, or by the side of its grid where its own name says so
(`trainer.models.grid_sizes.at`), so that a block keeps its name when others come before it.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras

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
