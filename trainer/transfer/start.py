"""The earlier model of a warm start: its networks, its weights by name, the record of transfer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.base.files import read_json, write_whole
from data.text import Vocabulary, read_lines
from trainer.config import Experiment
from trainer.engine.checkpoints import as_read, newest_whole
from trainer.export.layout import ATTRIBUTES, RECORD, SIDECAR, TOKENS, WEIGHTS, further_weights
from trainer.models.build import (
    build_captioner,
    build_discriminators,
    build_encoder,
    build_generator,
    build_posterior,
    build_vae_encoder,
)
from trainer.models.encoder import GRID
from trainer.settings_loader import SettingsError, from_mapping
from trainer.transfer.weights import World, named_weights

# The networks of a stage by name.


# Encoder and captioner have one network each, so the names of their weights have no prefix.
WHOLE = ""
GENERATOR = "generator"
DISCRIMINATORS = ("sketch_discriminator", "discriminator")


def discriminator_names(count: int) -> tuple[str, ...]:
    """Returns the names of a generator's discriminators in the order of its stages.

    The last is always `discriminator`, so that it is found with any number of stages.
    """
    return DISCRIMINATORS[-count:]


def blank(stage: str, world: World) -> dict[str, keras.Model]:
    """Builds the networks of a stage in float32 by name, the main exported one first."""
    experiment, policy = world.experiment, "float32"
    if stage == "encoder":
        return {WHOLE: build_encoder(experiment, len(world.tokens), len(world.attributes), policy)}
    told = experiment.encoder.embedding + max(1, len(world.attributes))
    grid = (GRID * GRID, 4 * experiment.encoder.width)
    if stage == "captioner":
        counts = np.ones(len(world.tokens))
        return {WHOLE: build_captioner(experiment, counts, grid, told, policy, world.languages)}
    return _painting(experiment, told if experiment.generator.conditional else 0, grid, policy)


def _painting(
    experiment: Experiment, told: int, grid: tuple[int, ...], policy: str
) -> dict[str, keras.Model]:
    generator = build_generator(experiment, told, policy)
    if experiment.generator.architecture == "vae":
        return {GENERATOR: generator, "inference": build_vae_encoder(experiment, told, policy)}
    critics = build_discriminators(experiment, told, policy)
    return {
        GENERATOR: generator,
        "posterior": build_posterior(experiment, grid, told, generator.noise_width, policy),
        **dict(zip(discriminator_names(len(critics)), critics, strict=True)),
    }


# The record of a transfer.


_SHOWN = 6


@dataclass
class StartRecord:
    """Record of a transfer, part of the training's summary.

    Attributes:
      source: directory of the earlier model.
      digest: digest of its weights.
      name, resolution: name and resolution of its experiment.
      taken: weights that were taken over completely.
      grown: weights of which some entries were taken over, such as the rows of known words.
      resized: weights that were resized to another resolution.
      new: weights of the new model without a matching weight in the earlier one.
      left: weights of the earlier model without a matching weight in the new one.
      numbers: number of entries in `taken`, `grown`, `resized`, `new` and `left`. Entries of
        `grown` weights that were not taken over count as `new`.
      words, labels, languages: how many are `kept`, `new` and `left`.
      frozen: weights that are frozen until the progress `frozen_until`.
      kept_rate: factor of the learning rate of the weights in `taken`.
    """

    source: str
    digest: str
    name: str
    resolution: int
    taken: list[str] = field(default_factory=list)
    grown: list[str] = field(default_factory=list)
    resized: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    frozen: list[str] = field(default_factory=list)
    frozen_until: float = 1.0
    kept_rate: float = 1.0

    def count(self, kind: str, numbers: int) -> None:
        """Adds `numbers` entries to the count of `kind`."""
        self.numbers[kind] = self.numbers.get(kind, 0) + int(numbers)

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-able mapping, including `lines`."""
        return asdict(self) | {"lines": self.lines()}

    def lines(self) -> list[str]:
        """Returns the record as lines of text."""
        kinds = ("taken", "grown", "resized", "new", "left")
        counts = _counts({kind: self.numbers.get(kind, 0) for kind in kinds})
        found = [f"starts from {self.source} ({self.name}, {self.resolution} px): {counts}"]
        known = {"words": self.words, "labels": self.labels, "languages": self.languages}
        told = [f"{name}: {_counts(one)}" for name, one in known.items() if any(one.values())]
        if told:
            found.append("; ".join(told))
        lists = {kind: getattr(self, kind) for kind in kinds[1:]}
        found += [f"{kind}: {_some(names)}" for kind, names in lists.items() if names]
        if self.frozen:
            until = "" if self.frozen_until == 1 else f" until {self.frozen_until:.0%} is done"
            found.append(f"frozen{until}: {_some(self.frozen)}")
        if self.kept_rate != 1:
            found.append(f"learning rate of what was taken: times {self.kept_rate:g}")
        return found


def kept_and_new(old: Sequence[str], new: Sequence[str]) -> dict[str, int]:
    """Counts the entries that both have (`kept`), only `new` has, and only `old` has (`left`)."""
    before, now = set(old), set(new)
    return {"kept": len(now & before), "new": len(now - before), "left": len(before - now)}


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


# Reading an earlier model.


# Files in the work directory of a training.
IDENTITY, WORLD = "identity.json", "world.json"
EXPECTED = (
    "a pushed or exported model (saved_model.pb with assets.extra/tuwen), or the directory of a "
    "training (identity.json with checkpoints)"
)

_REMEDY = "Start from another model, or train that one again."


@dataclass(frozen=True)
class Start:
    """An earlier model of a stage.

    Attributes:
      directory: its directory.
      stage: `encoder`, `captioner` or `generator`.
      digest: hex digest of its weights.
      world: its settings and vocabularies.
      parts: weights by name, for each network by name.
    """

    directory: str
    stage: str
    digest: str
    world: World
    parts: dict[str, dict[str, np.ndarray]]


def write_world(world: World, work_dir: str) -> None:
    """Writes the vocabularies of a training to its work directory."""
    values = {key: list(getattr(world, key)) for key in World._fields[1:]}
    text = json.dumps(values, ensure_ascii=False)
    write_whole(f"{work_dir}/{WORLD}", text.encode("utf-8"))


def digest_of(directory: str) -> str:
    """Returns a hex digest of the weights that `read` would read.

    Raises:
      SettingsError: there are no weights.
    """
    files = sorted((Path(directory) / SIDECAR).glob("*.weights.h5"))
    checkpoint = None if files else newest_whole(directory)
    if checkpoint:
        files = sorted(checkpoint.parent.glob(f"{checkpoint.name}.*"))
    if not files:
        raise SettingsError(f"start_from: {directory} holds no weights; expected {EXPECTED}")
    found = hashlib.sha256()
    for path in files:
        found.update(path.read_bytes())
    return found.hexdigest()


def read(directory: str, stage: str) -> Start:
    """Reads an earlier model of `stage`, exported or from the checkpoint of a training.

    Raises:
      SettingsError: there is no such model; the message says what was expected.
    """
    root = Path(directory)
    if (root / SIDECAR / RECORD).is_file():
        world, found = _exported(root / SIDECAR, stage)
    elif (root / IDENTITY).is_file():
        world, found = _checkpointed(root, stage)
    else:
        there = "is no directory" if not root.is_dir() else "holds neither"
        raise SettingsError(f"start_from: {directory} {there}; expected {EXPECTED}")
    parts = {
        part: {name: np.asarray(weight.numpy()) for name, weight in named_weights(model).items()}
        for part, model in found.items()
    }
    return Start(directory, stage, digest_of(directory), world, parts)


def _exported(side: Path, stage: str) -> tuple[World, dict[str, keras.Model]]:
    record = read_json(str(side / RECORD), _REMEDY, ("stage", "experiment"))
    _require_stage(side.parents[1], stage, record["stage"])
    languages = tuple(record.get("languages") or ())
    if not languages:
        raise SettingsError(
            f"start_from: {side.parents[1]} was exported by an earlier version, which did not say "
            f"what a start needs to know; train it again, or start from another {stage}"
        )
    world = World(
        from_mapping(Experiment, record["experiment"], str(side / RECORD)),
        Vocabulary.from_file(str(side / TOKENS)).pieces,
        tuple(read_lines(str(side / ATTRIBUTES))),
        languages,
    )
    found = {}
    for part, model in blank(stage, world).items():
        path = side / (WEIGHTS if part in (WHOLE, GENERATOR) else further_weights(part))
        if path.is_file():
            model.load_weights(path)
            found[part] = model
    return world, found


def _checkpointed(root: Path, stage: str) -> tuple[World, dict[str, keras.Model]]:
    identity = read_json(str(root / IDENTITY), _REMEDY, ("stage", "experiment"))
    _require_stage(root, stage, identity["stage"])
    path = newest_whole(str(root))
    if path is None or not (root / WORLD).is_file():
        raise SettingsError(f"start_from: the training in {root} has no whole checkpoint yet")
    values = read_json(str(root / WORLD), _REMEDY, World._fields[1:])
    experiment = from_mapping(Experiment, identity["experiment"], str(root / IDENTITY))
    world = World(experiment, *(tuple(values[key]) for key in World._fields[1:]))
    reader = tf.train.load_checkpoint(as_read(path))
    found = blank(stage, world)
    for part, model in found.items():
        for index, variable in enumerate(model.variables):
            key = f"{_in_checkpoint(part, found)}/{index}/.ATTRIBUTES/VARIABLE_VALUE"
            variable.assign(reader.get_tensor(key))
    return world, found


def _in_checkpoint(part: str, parts: Mapping[str, Any]) -> str:
    """Returns the name of a network in the checkpoint, see `Task.state`."""
    if part in DISCRIMINATORS:
        return f"discriminator_{[name for name in DISCRIMINATORS if name in parts].index(part)}"
    return {WHOLE: "model", GENERATOR: "average"}.get(part, part)


def _require_stage(where: Path, wanted: str, found: str) -> None:
    if wanted != found:
        raise SettingsError(f"start_from: {where} holds a {found}; expected a {wanted}")
