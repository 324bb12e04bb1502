"""The weights of an earlier model by name, with what they stand for, read from where they lie."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.sources.files import read_json, write_whole
from data.text import Vocabulary, read_lines
from trainer.checkpoints import as_read, newest_whole
from trainer.config import Experiment
from trainer.export.layout import (
    ATTRIBUTES,
    RECORD,
    SIDECAR,
    TOKENS,
    WEIGHTS,
    further_weights,
)
from trainer.settings_loader import SettingsError, from_mapping
from trainer.transfer.axes import World
from trainer.transfer.names import named_weights
from trainer.transfer.parts import DISCRIMINATORS, GENERATOR, WHOLE, blank

# In the directory of a training.
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
      directory: where it was read from.
      stage: `encoder`, `captioner` or `generator`.
      digest: hex, of its weights.
      world: what its inputs and outputs stand for.
      parts: weights by name of each network, by its name.
    """

    directory: str
    stage: str
    digest: str
    world: World
    parts: dict[str, dict[str, np.ndarray]]


def write_world(world: World, work_dir: str) -> None:
    """Writes beside the checkpoints of a training what its weights stand for."""
    values = {key: list(getattr(world, key)) for key in World._fields[1:]}
    text = json.dumps(values, ensure_ascii=False)
    write_whole(f"{work_dir}/{WORLD}", text.encode("utf-8"))


def digest_of(directory: str) -> str:
    """Returns a hex digest of the weights that `read` would read.

    Raises:
      SettingsError: there are none.
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
    """Reads what `stage` can start from.

    Raises:
      SettingsError: nothing of the kind is there; the message says what was expected.
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
    """The name of a network among the states of its task."""
    if part in DISCRIMINATORS:
        return f"discriminator_{[name for name in DISCRIMINATORS if name in parts].index(part)}"
    return {WHOLE: "model", GENERATOR: "average"}.get(part, part)


def _require_stage(where: Path, wanted: str, found: str) -> None:
    if wanted != found:
        raise SettingsError(f"start_from: {where} holds a {found}; expected a {wanted}")
