"""Trains and exports one stage; needs no TFX."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from data.prepared import PreparedData
from trainer import loop, precision
from trainer.config import STAGES, DataSettings, Experiment
from trainer.export.bundle import RestoredEncoder, load_encoder
from trainer.settings_loader import SettingsError, require_one_of, to_mapping
from trainer.tasks.base import Task
from trainer.tasks.captioner import CaptionerTask
from trainer.tasks.encoder import EncoderTask
from trainer.tasks.generator import GeneratorTask


def train(
    experiment: Experiment,
    stage: str,
    prepared: PreparedData,
    work_dir: str,
    export_dir: str | None,
    encoder_dir: str | None = None,
) -> loop.TrainingSummary:
    """Trains `stage`, or goes on with what `work_dir` holds of it, and exports the SavedModel.

    Args:
      experiment: all settings.
      stage: `encoder`, `captioner` or `generator`.
      prepared: the data, at `experiment.data.resolution`.
      work_dir: takes checkpoints, logs and samples.
      export_dir: takes the SavedModel, whole or not at all; None exports nothing.
      encoder_dir: the exported encoder that captioner and generator start from.

    Raises:
      SettingsError: settings, data and encoder do not belong together, or `work_dir` holds the
        training of something else.
      TrainingError: training broke down.
    """
    require_one_of("stage", stage, STAGES)
    _require_fit("settings", experiment.data, prepared)
    policy, reason = precision.choose(experiment.training.precision)
    encoder = None if stage == "encoder" else _encoder(stage, encoder_dir, prepared, policy)
    if encoder is not None:
        # The encoder is as it was trained, whatever the settings say now.
        experiment = replace(experiment, encoder=encoder.experiment.encoder)
    _claim(work_dir, experiment, stage, prepared, encoder_dir)
    task = _task(experiment, stage, prepared, policy, encoder)
    summary = loop.run(task, experiment.training, work_dir, (policy, reason))
    if export_dir is not None:
        task.export(export_dir)
    return summary


def _task(experiment, stage, prepared, policy, encoder: RestoredEncoder | None) -> Task:
    if encoder is None:
        return EncoderTask(experiment, prepared, policy)
    kinds: dict[str, Callable[..., Task]] = {"captioner": CaptionerTask, "generator": GeneratorTask}
    return kinds[stage](experiment, prepared, policy, encoder.model)


def _encoder(
    stage: str, directory: str | None, prepared: PreparedData, policy: str
) -> RestoredEncoder:
    if directory is None:
        raise SettingsError(f"{stage}: needs a trained encoder; train the stage 'encoder' first")
    encoder = load_encoder(directory, policy)
    if encoder.tokens.fingerprint() != prepared.tokens.fingerprint():
        raise SettingsError(
            f"{directory}: the encoder knows another vocabulary than the prepared data; "
            f"train the stage 'encoder' on the same data as '{stage}'"
        )
    _require_fit(directory, encoder.experiment.data, prepared)
    return encoder


def _require_fit(where: str, data: DataSettings, prepared: PreparedData) -> None:
    for key in ("resolution", "max_length"):
        wanted, found = getattr(data, key), getattr(prepared, key)
        if wanted != found:
            raise SettingsError(
                f"{where}: data.{key} is {wanted}, and the data was prepared with {found}; "
                "both must be the same"
            )


def _claim(work_dir, experiment, stage, prepared, encoder_dir) -> None:
    """Refuses to go on with the checkpoints of another training."""
    identity = {
        "stage": stage,
        "experiment": to_mapping(experiment),
        "data": prepared.fingerprint(),
        "encoder": _digest(encoder_dir),
    }
    path = Path(work_dir) / "identity.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != identity:
        raise SettingsError(
            f"{work_dir}: holds the training of other settings or data. "
            "Delete it to train anew, or choose another directory."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(identity, indent=2), encoding="utf-8")
    partial.replace(path)


def _digest(directory: str | None) -> str | None:
    if directory is None:
        return None
    weights = Path(directory) / "assets.extra" / "tuwen" / "weights.weights.h5"
    return hashlib.sha256(weights.read_bytes()).hexdigest()
