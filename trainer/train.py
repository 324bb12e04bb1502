"""Trains and exports one stage, without TFX."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import keras
from tqdm import tqdm

from data.base import processor
from data.base.files import read_json, write_whole
from data.prepared import PreparedData
from trainer.config import STAGES, DataSettings, Experiment, deciding
from trainer.engine import distribution, loop, precision
from trainer.export.bundle import RestoredEncoder, load_encoder
from trainer.export.layout import CARD, SIDECAR, SUMMARY
from trainer.export.model_card import with_start
from trainer.settings_loader import SettingsError, require_one_of
from trainer.tasks.base import Task
from trainer.tasks.captioner import CaptionerTask
from trainer.tasks.encoder import EncoderTask
from trainer.tasks.gan import GanTask
from trainer.tasks.vae import VaeTask
from trainer.transfer.start import IDENTITY, Start, digest_of, read, write_world


def train(
    experiment: Experiment,
    stage: str,
    prepared: PreparedData,
    work_dir: str,
    export_dir: str | None,
    encoder_dir: str | None = None,
    start_dir: str | None = None,
) -> loop.TrainingSummary:
    """Trains `stage`, or resumes it from `work_dir`, and exports the SavedModel.

    With several workers, each calls this function with the same arguments and the same `work_dir`;
    only the chief writes and exports.

    Args:
      experiment: all settings.
      stage: `encoder`, `captioner` or `generator`.
      prepared: the data, at `experiment.data.resolution`.
      work_dir: directory of checkpoints, logs and samples.
      export_dir: directory of the SavedModel, written completely or not at all; None exports
        nothing.
      encoder_dir: the exported encoder; required for captioner and generator.
      start_dir: an earlier model of this stage to start from: an exported one, or the work
        directory of a training. A training that was killed resumes from its own checkpoint.

    Raises:
      SettingsError: settings, data, encoder and earlier model do not match, or `work_dir` belongs
        to another training.
      TrainingError: training stays broken after all rollbacks, or another worker is lost.
    """
    require_one_of("stage", stage, STAGES)
    strategy = distribution.start(experiment.training.strategy, experiment.training.devices)
    # Keras numbers layers through the life of a process, and a graph with other names gives other
    # last bits. Reset the numbers, so that a training does not depend on models built before.
    keras.utils.clear_session(free_memory=False)
    _require_equal_parts(experiment, stage, strategy.num_replicas_in_sync)
    _require_fit("settings", experiment.data, prepared)
    with strategy.scope():
        task, summary = _train(experiment, stage, prepared, work_dir, encoder_dir, start_dir)
        chief = distribution.is_chief()
    if chief and export_dir is not None:
        task.export(export_dir)
        # Evaluation reads the training's summary.
        side = Path(export_dir) / SIDECAR
        if summary.start:
            card = with_start((side / CARD).read_text(encoding="utf-8"), summary.start["lines"])
            write_whole(str(side / CARD), card.encode("utf-8"))
        write_whole(str(side / SUMMARY), loop.to_json(summary))
    with strategy.scope():
        # A barrier: a worker that exits while another still runs would look like a killed one.
        distribution.of_chief(0.0)
    return summary


def _train(
    experiment, stage, prepared, work_dir, encoder_dir, start_dir
) -> tuple[Task, loop.TrainingSummary]:
    policy, reason = precision.choose(experiment.training.precision)
    reason = f"{reason}; {processor.kernels()}"
    if distribution.is_chief():
        steps = experiment.training.steps_of(stage)
        length = f"; {steps:,} steps" if steps else ""
        tqdm.write(f"{stage}: {policy}, because {reason}{length}", file=sys.stderr)
    encoder = None if stage == "encoder" else _encoder(stage, encoder_dir, prepared, policy)
    if encoder is not None:
        # Use the encoder's settings at its training, whatever the current ones are.
        experiment = replace(experiment, encoder=encoder.experiment.encoder)
    start = read(start_dir, stage) if start_dir else None
    _claim(work_dir, experiment, stage, prepared, encoder_dir, start)
    task = _task(experiment, stage, prepared, policy, encoder, start)
    if distribution.is_chief():
        write_world(task.world, work_dir)
        if task.start:
            tqdm.write("\n".join(f"{stage}: {one}" for one in task.start["lines"]), file=sys.stderr)
    return task, loop.run(task, experiment.training, work_dir, (policy, reason))


def _task(
    experiment: Experiment,
    stage: str,
    prepared: PreparedData,
    policy: str,
    encoder: RestoredEncoder | None,
    start: Start | None,
) -> Task:
    if encoder is None:
        return EncoderTask(experiment, prepared, policy, start)
    if stage == "captioner":
        return CaptionerTask(experiment, prepared, policy, encoder.model, start)
    if experiment.generator.architecture == "vae":
        return VaeTask(experiment, prepared, policy, encoder.model, start)
    return GanTask(experiment, prepared, policy, encoder.model, start)


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


def _require_equal_parts(experiment: Experiment, stage: str, replicas: int) -> None:
    training, batch_size = experiment.training, getattr(experiment, stage).batch_size
    if batch_size % (training.accumulate * replicas):
        raise SettingsError(
            f"{stage}.batch_size = {batch_size}: must be a multiple of training.accumulate "
            f"({training.accumulate}) times the number of devices ({replicas})"
        )


def _require_fit(where: str, data: DataSettings, prepared: PreparedData) -> None:
    for key in ("resolution", "max_length"):
        wanted, found = getattr(data, key), getattr(prepared, key)
        if wanted != found:
            raise SettingsError(
                f"{where}: data.{key} is {wanted}, and the data was prepared with {found}; "
                "both must be the same"
            )


def _claim(work_dir, experiment, stage, prepared, encoder_dir, start: Start | None) -> None:
    """Records whose training `work_dir` holds.

    Raises:
      SettingsError: it holds a training with other settings, data, encoder or start.
    """
    identity = {
        "stage": stage,
        "experiment": deciding(experiment),
        "data": prepared.fingerprint(),
        "encoder": digest_of(encoder_dir) if encoder_dir else None,
        "start": start.digest if start else None,
    }
    path = Path(work_dir) / IDENTITY
    remedy = f"Delete {work_dir} to train anew."
    if path.is_file() and read_json(str(path), remedy) != identity:
        raise SettingsError(
            f"{work_dir}: holds the training of other settings or data. "
            "Delete it to train anew, or choose another directory."
        )
    if not distribution.is_chief():
        return
    write_whole(str(path), json.dumps(identity, indent=2).encode("utf-8"))
