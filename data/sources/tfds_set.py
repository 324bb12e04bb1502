"""TFDS data sets with an image and one or more text features, which are found by name."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from data.base.errors import DataError
from data.sources.records import split_called
from data.sources.rows import Reject, Row
from data.sources.source import Source, digest

Path = tuple[str, ...]

_CAPTION = re.compile(r"caption|sentence", re.IGNORECASE)
_OTHER_TEXT = re.compile(r"text|descri|title", re.IGNORECASE)
_LANGUAGES = ("language", "languages", "caption/language")
_ATTRIBUTES = ("attribute", "attributes", "attribute/name")
_IDS = ("id", "image_id", "image/id", "image/filename", "filename")


@dataclass(frozen=True)
class Roles:
    """The features that are read, each as a path of keys."""

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
    """Finds the role of each of `builder.info.features`.

    Args:
      features: a tfds.features.FeaturesDict; captions may be in nested sequences.
      name: of the data set, for messages.
      text_features: the caption features as `outer/inner`. If empty, they are found by name: those
        with caption or sentence, else text, description or title, else the only text feature.

    Raises:
      DataError: there is no image or no caption feature, or several candidates.
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
    """Returns the value at `path`."""
    for key in path:
        example = example[key]
    return example


def nest(paths: Sequence[Path], leaf: Any = True) -> dict[str, Any]:
    """Returns nested dictionaries with `leaf` at each path."""
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


PREFIX = "tfds:"
# Builders of this package; importing the module registers the name with TFDS.
_OWN = {"captioned_scenes": "data.scenes.captioned_scenes.captioned_scenes_dataset_builder"}
_PART = 1000


@dataclass(frozen=True)
class TfdsSet(Source):
    """A TFDS data set that is on the disk or can be generated without a network.

    Splits with one of the usual names, see `records.split_called`, are kept if there are several. A
    data set with one split, and a split with another name, is divided by content.

    Attributes:
      data_dir: of TFDS's data sets; None for TFDS's default.
      text_features: the caption features as `outer/inner`; empty finds them by name.
    """

    kind: ClassVar[str] = "tfds"

    data_dir: str | None = None
    text_features: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The data set's name with its config, in TFDS's form."""
        return self.path.removeprefix(PREFIX)

    def describe(self) -> str:
        info = self._builder().info
        sizes = ", ".join(f"{split} {info.splits[split].num_examples}" for split in info.splits)
        return f"TFDS data set {info.full_name} ({sizes})"

    def fingerprint(self) -> str:
        info = self._builder().info
        splits = [
            (name, split.num_bytes, split.shard_lengths) for name, split in info.splits.items()
        ]
        return digest([info.full_name, splits, self.text_features, self.language, self.resplit])

    def parts(self) -> tuple[str, ...]:
        splits = self._builder().info.splits
        return tuple(
            f"{name}[{start}:{min(start + _PART, splits[name].num_examples)}]"
            for name in sorted(splits)
            for start in range(0, splits[name].num_examples, _PART)
        )

    def _builder(self) -> Any:
        return prepared_builder(self.name, self.data_dir)

    def _read(self, part: str) -> Iterator[Row | Reject]:
        import tensorflow_datasets as tfds

        builder = self._builder()
        roles = find_roles(builder.info.features, self.name, self.text_features)
        decoders = tfds.decode.PartialDecoding(
            nest(roles.paths()), decoders=nest([roles.image], tfds.decode.SkipDecoding())
        )
        split, _, span = part.partition("[")
        given = split_called(split) if len(builder.info.splits) > 1 else None
        examples = tfds.as_numpy(builder.as_dataset(split=part, decoders=decoders))
        for place, example in enumerate(examples, start=int(span.partition(":")[0])):
            yield self._row(f"{split}:{place}", example, roles, given)

    def _row(self, where: str, example: Any, roles: Roles, split: str | None) -> Row | Reject:
        named = _texts(example, roles.image_id)[:1] if roles.image_id else []
        record = {
            "image": named[0] if named and named[0] else where,
            "captions": [text for path in roles.captions for text in _texts(example, path)],
            "language": _language(example, roles.languages),
            "attributes": _texts(example, roles.attributes) if roles.attributes else None,
            "split": split,
        }
        row = self._to_row(where, record)
        return row if isinstance(row, Reject) else replace(row, image=pick(example, roles.image))


def _language(example: Any, path: Path | None) -> str | list[str] | None:
    """Returns the tag of all captions, or a tag for each, or None."""
    if path is None:
        return None
    texts = _texts(example, path)
    return texts[0] if isinstance(pick(example, path), bytes) else texts or None


def _texts(example: Any, path: Path) -> list[str]:
    """Returns the texts at `path`: one for a single value, all of a sequence."""
    import numpy as np

    held = pick(example, path)
    values = held.flat_values if hasattr(held, "flat_values") else held
    return [
        value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
        for value in np.ravel(np.asarray(values)).tolist()
    ]


@functools.lru_cache(maxsize=8)
def prepared_builder(name: str, data_dir: str | None) -> Any:
    """Returns the builder of a data set on the disk; generates the data set if necessary.

    Raises:
      DataError: the name is unknown, or the data set would have to be downloaded.
    """
    try:
        builder = _find(name, data_dir)
        if builder.is_prepared():
            return builder
        downloads = builder.url_infos or builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    except ImportError as error:
        raise DataError(
            f"{PREFIX}{name}",
            f"its builder needs a package that is not installed: {error}",
            f"Install it: pip install {error.name}.",
        ) from error
    if downloads:
        raise DataError(
            f"{PREFIX}{name}",
            f"it is not in {builder.data_dir}, and preparing it needs files from the network",
            f"Run `tfds build {name} --data_dir {data_dir or '~/tensorflow_datasets'}` where there "
            "is network, or name the folder that has it with `data_dir`.",
        )
    _generate(builder, name)
    return builder


def _find(name: str, data_dir: str | None) -> Any:
    import tensorflow_datasets as tfds

    own = _OWN.get(name.partition("/")[0])
    if own:
        importlib.import_module(own)
    try:
        return tfds.builder(name, data_dir=data_dir)
    except (ValueError, tfds.core.DatasetNotFoundError) as error:
        raise DataError(
            f"{PREFIX}{name}",
            f"TFDS knows no such data set or config: {str(error).strip().splitlines()[0]}",
            "Write it as tfds:name or tfds:name/config; the names are in TFDS's catalogue.",
        ) from error


def _generate(builder: Any, name: str) -> None:
    import tensorflow_datasets as tfds

    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        builder.download_and_prepare(download_config=config)
    except Exception as error:  # A builder may raise anything; in any case there is no data.
        raise DataError(
            f"{PREFIX}{name}",
            f"preparing it in {builder.data_dir} failed: {type(error).__name__}: {error}",
            "See the cause above; prepare it with `tfds build` to see more.",
        ) from error
