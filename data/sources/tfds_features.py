"""Finding a TFDS data set's picture, captions, languages, attributes and ids by its features."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from data.base.errors import DataError

Path = tuple[str, ...]

_CAPTION = re.compile(r"caption|sentence", re.IGNORECASE)
_OTHER_TEXT = re.compile(r"text|descri|title", re.IGNORECASE)
_LANGUAGES = ("language", "languages", "caption/language")
_ATTRIBUTES = ("attribute", "attributes", "attribute/name")
_IDS = ("id", "image_id", "image/id", "image/filename", "filename")


@dataclass(frozen=True)
class Roles:
    """The features that are read, each as the keys that lead to it."""

    image: Path
    captions: tuple[Path, ...]
    languages: Path | None
    attributes: Path | None
    image_id: Path | None

    def paths(self) -> list[Path]:
        """Returns all of them."""
        optional = (self.languages, self.attributes, self.image_id)
        return [self.image, *self.captions, *(path for path in optional if path)]


def find_roles(features: Any, name: str, text_features: Sequence[str] = ()) -> Roles:
    """Returns which of `builder.info.features` plays which part.

    Args:
      features: a tfds.features.FeaturesDict; captions may stand in nested sequences.
      name: of the data set, for messages.
      text_features: the caption features as `outer/inner`; empty goes by their names: those with
        caption or sentence in them, else text, description or title, else the only one there is.

    Raises:
      DataError: there is no image or no caption feature, or several that could be it.
    """
    images, texts, numbers = _sort(features)
    return Roles(
        image=_image(images, name),
        captions=_captions(texts, name, text_features),
        languages=_named(texts, _LANGUAGES),
        attributes=_named(texts, _ATTRIBUTES),
        image_id=_named(texts, _IDS) or _named(numbers, _IDS),
    )


def pick(example: Any, path: Path) -> Any:
    """Returns the value that `path` leads to."""
    for key in path:
        example = example[key]
    return example


def nest(paths: Sequence[Path], leaf: Any = True) -> dict[str, Any]:
    """Returns nested dictionaries in which each path leads to `leaf`."""
    tree: dict[str, Any] = {}
    for path in paths:
        branch = tree
        for key in path[:-1]:
            branch = branch.setdefault(key, {})
        branch[path[-1]] = leaf
    return tree


def _leaves(
    feature: Any, path: Path = (), repeated: bool = False
) -> Iterator[tuple[Path, Any, bool]]:
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.FeaturesDict):
        for key, inner in feature.items():
            yield from _leaves(inner, (*path, key), repeated)
    elif isinstance(feature, tfds.features.Sequence):
        yield from _leaves(feature.feature, path, True)
    else:
        yield path, feature, repeated


def _sort(features: Any) -> tuple[list[Path], list[Path], list[Path]]:
    """Returns the paths of single images, of texts, and of single numbers."""
    import numpy as np
    import tensorflow_datasets as tfds

    images, texts, numbers = [], [], []
    for path, feature, repeated in _leaves(features):
        scalar = getattr(feature, "shape", None) == ()
        if isinstance(feature, tfds.features.Image):
            images += [] if repeated else [path]
        elif scalar and tfds.core.utils.dtype_utils.is_string(feature.np_dtype):
            texts.append(path)
        elif scalar and not repeated and np.issubdtype(feature.np_dtype, np.integer):
            numbers.append(path)
    return images, texts, numbers


def _named(paths: Sequence[Path], names: Sequence[str]) -> Path | None:
    by_name = {"/".join(path).lower(): path for path in paths}
    return next((by_name[name] for name in names if name in by_name), None)


def _image(images: Sequence[Path], name: str) -> Path:
    found = _named(images, ("image",)) or (images[0] if len(images) == 1 else None)
    if found is None:
        listed = ", ".join("/".join(path) for path in images) or "none"
        raise DataError(
            name,
            f"it has no single image feature (found: {listed})",
            "Choose a data set with one picture per example.",
        )
    return found


def _captions(texts: Sequence[Path], name: str, wanted: Sequence[str]) -> tuple[Path, ...]:
    listed = {"/".join(path): path for path in texts}
    if wanted and all(text in listed for text in wanted):
        return tuple(listed[text] for text in wanted)
    taken = (*_LANGUAGES, *_ATTRIBUTES, *_IDS)
    free = [text for text in listed if text.lower() not in taken]
    for pattern in (_CAPTION, _OTHER_TEXT):
        found = [text for text in free if pattern.search(text)]
        if found and not wanted:
            return tuple(listed[text] for text in found)
    if len(free) == 1 and not wanted:
        return (listed[free[0]],)
    raise DataError(
        name,
        f"its caption features cannot be told (text features: {', '.join(listed) or 'none'})",
        "Name them with the option `text_features`, such as captions/text.",
    )
