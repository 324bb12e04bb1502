"""Entry point of the TFX Trainer, which imports `run_fn` by its dotted path."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from data.prepared import PreparedData, from_files
from trainer.config import Experiment
from trainer.settings_loader import from_mapping
from trainer.train import train
from trainer.tuning_settings import with_values

_LOGS = ("progress.jsonl", "summary.json", "samples", "tensorboard")


def run_fn(fn_args: Any) -> None:
    """Trains one stage on the outputs of Transform.

    Args:
      fn_args: TFX FnArgs. `custom_config` has `experiment` (JSON), `stage`, `resume_dir` (where
        checkpoints survive a killed execution) and optionally `start_dir` (an earlier model for a
        warm start). `base_model` is the encoder, for the stages that use it. The SavedModel is
        written to `serving_model_dir`, the logs to `model_run_dir`. `hyperparameters`, the Tuner's
        result in KerasTuner's form, replace values of the experiment.
    """
    config = fn_args.custom_config
    experiment = from_mapping(Experiment, json.loads(config["experiment"]), "custom_config")
    if fn_args.hyperparameters:
        experiment = with_values(experiment, fn_args.hyperparameters["values"])
    prepared = transformed(fn_args, experiment)
    work_dir = config["resume_dir"]
    train(
        experiment,
        config["stage"],
        prepared,
        work_dir=work_dir,
        export_dir=fn_args.serving_model_dir,
        encoder_dir=fn_args.base_model or None,
        start_dir=config.get("start_dir") or None,
    )
    _publish_logs(Path(work_dir), Path(fn_args.model_run_dir))


def transformed(fn_args: Any, experiment: Experiment) -> PreparedData:
    """Returns the outputs of Transform that TFX passes to a Trainer or a Tuner."""
    assets = Path(fn_args.transform_graph_path) / "transform_fn" / "assets"
    settings = experiment.data
    return from_files(
        str(assets / "tokens"),
        str(assets / "attributes"),
        {"train": fn_args.train_files, "val": fn_args.eval_files},
        resolution=settings.resolution,
        max_captions=settings.max_captions,
        max_length=settings.max_length,
    )


def _publish_logs(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in _LOGS:
        path = source / name
        if path.is_dir():
            shutil.copytree(path, target / name, dirs_exist_ok=True)
        elif path.exists():
            shutil.copy2(path, target / name)
