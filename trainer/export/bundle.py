"""Writes a SavedModel together with the files for retraining and its model card, atomically."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from data.base.files import read_json
from data.languages import UNDETERMINED
from data.prepared import PreparedData
from data.text import Vocabulary, read_lines
from trainer.config import Experiment
from trainer.export.layout import (
    ATTRIBUTES,
    CARD,
    RECORD,
    SIDECAR,
    TOKENS,
    WEIGHTS,
    further_weights,
)
from trainer.export.lite import DIRECTORY, Core, write_compressed
from trainer.export.model_card import model_card
from trainer.export.operations import foreign_operations
from trainer.export.signatures import ServedModule
from trainer.export.warmup import Columns, write_warmup
from trainer.models.build import build_encoder
from trainer.models.encoder import Encoder
from trainer.settings_loader import SettingsError, from_mapping, to_mapping


class RestoredEncoder(NamedTuple):
    """An encoder loaded from an exported model.

    Attributes:
      model: Keras model with its weights.
      tokens, attributes: its vocabularies.
      experiment: the settings that it was trained with.
    """

    model: Encoder
    tokens: Vocabulary
    attributes: tuple[str, ...]
    experiment: Experiment


class Bundle(NamedTuple):
    """One trained model, ready to be exported.

    Attributes:
      stage: `encoder`, `captioner` or `generator`.
      module: tracks the variables of the signatures.
      signatures: traced functions by name.
      trained: the Keras model whose weights retraining starts from.
      warm_up: maps a signature's name to the inputs, by name, of each warm-up request.
      core: the part that can be converted to LiteRT.
      further: other trained networks by name, from which a later training may start.
      languages: the languages of its captions, the default first.
    """

    stage: str
    module: ServedModule
    signatures: dict[str, Any]
    trained: keras.Model
    warm_up: Callable[[str], Sequence[Columns]]
    core: Core | None = None
    further: Mapping[str, keras.Model] = MappingProxyType({})
    languages: tuple[str, ...] = (UNDETERMINED,)


def token_file(prepared: PreparedData, directory: str) -> str:
    """Writes the vocabulary to a file that the SavedModel's table can use as an asset."""
    path = str(Path(directory) / "tokens.txt")
    prepared.tokens.write(path)
    return path


def write_bundle(
    directory: str,
    bundle: Bundle,
    experiment: Experiment,
    prepared: PreparedData,
    beside: Mapping[str, str] | None = None,
) -> None:
    """Writes the SavedModel, its warm-up requests, weights, vocabularies and model card.

    Args:
      directory: created or replaced as a whole.
      bundle: the trained model.
      experiment, prepared: the settings and the data of its training.
      beside: further text files by name.
    """
    final = Path(directory)
    partial = final.with_name(final.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    tf.saved_model.save(bundle.module, str(partial), signatures=bundle.signatures)
    side = partial / SIDECAR
    side.mkdir(parents=True)
    record = {
        "format": 1,
        "stage": bundle.stage,
        "languages": bundle.languages,
        "experiment": to_mapping(experiment),
    }
    (side / RECORD).write_text(json.dumps(record, indent=2), encoding="utf-8")
    prepared.tokens.write(str(side / TOKENS))
    lines = "".join(f"{name}\n" for name in prepared.attributes)
    (side / ATTRIBUTES).write_text(lines, encoding="utf-8")
    for name, content in (beside or {}).items():
        (side / name).write_text(content, encoding="utf-8")
    bundle.trained.save_weights(side / WEIGHTS)
    for name, network in bundle.further.items():
        network.save_weights(side / further_weights(name))
    card = model_card(
        bundle.stage,
        experiment,
        parameters=bundle.trained.count_params(),
        tokens=prepared.tokens.size,
        attributes=len(prepared.attributes),
        fingerprint=prepared.fingerprint(),
        foreign=foreign_operations(str(partial)),
    )
    (side / CARD).write_text(card, encoding="utf-8")
    if bundle.core is not None:
        forms = experiment.export.compressed
        write_compressed(side / DIRECTORY, bundle.core, bundle.module, forms)
    write_warmup(str(partial / "assets.extra"), bundle.stage, bundle.signatures, bundle.warm_up)
    shutil.rmtree(final, ignore_errors=True)
    partial.replace(final)


def load_encoder(directory: str, policy: str) -> RestoredEncoder:
    """Loads the encoder that `write_bundle` wrote to `directory`.

    Raises:
      SettingsError: the directory holds no exported encoder.
    """
    side = Path(directory) / SIDECAR
    path = side / RECORD
    if not path.is_file():
        raise SettingsError(
            f"{directory}: no exported encoder here ({SIDECAR}/{RECORD} is missing)"
        )
    remedy = f"Delete {directory}, and train the encoder again."
    record = read_json(str(path), remedy, ("stage", "experiment"))
    if record["stage"] != "encoder":
        raise SettingsError(f"{directory}: this is an exported {record['stage']}, not an encoder")
    experiment = from_mapping(Experiment, record["experiment"], str(path))
    tokens = Vocabulary.from_file(str(side / TOKENS))
    attributes = tuple(read_lines(str(side / ATTRIBUTES)))
    model = build_encoder(experiment, tokens.size, len(attributes), policy)
    model.load_weights(side / WEIGHTS)
    return RestoredEncoder(model, tokens, attributes, experiment)


def in_float32(model: Encoder, experiment: Experiment, prepared: PreparedData) -> Encoder:
    """A float32 copy of an encoder that may have been trained in mixed precision."""
    twin = build_encoder(experiment, prepared.tokens.size, len(prepared.attributes), "float32")
    twin.set_weights(model.get_weights())
    return twin
