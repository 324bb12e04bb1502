"""One trial of a hyper-parameter search: a short training, evaluated on held-out data."""

from __future__ import annotations

import gc
import math
from dataclasses import replace

import tensorflow as tf

from data.prepared import PreparedData
from trainer.config import Experiment
from trainer.engine.loop import TrainingError
from trainer.engine.selection_metric import figure_of
from trainer.settings_loader import SettingsError
from trainer.train import train
from trainer.trials import FAILED, FINISHED, Trial
from trainer.tuning_settings import TuningSettings, for_trial


def run_trial(
    experiment: Experiment,
    tuning: TuningSettings,
    row: Trial,
    prepared: PreparedData,
    work_dir: str,
    encoder_dir: str | None,
    start_dir: str | None = None,
) -> Trial:
    """Trains with the settings of `row`, or resumes that training, and returns the filled row.

    Incompatible values and failed trainings give a failed row. Any other error is raised, because
    it is not a property of the settings.

    Args:
      experiment: the settings that the trial does not change.
      tuning: the search.
      row: the trial's row in the table, with its settings.
      prepared: the data.
      work_dir: of the trial's checkpoints and logs; nothing is exported.
      encoder_dir: the exported encoder, for the stages that use one.
      start_dir: an earlier model of the stage for a warm start, or None.
    """
    try:
        changed = for_trial(experiment, tuning, row.settings)
        summary = train(changed, tuning.stage, prepared, work_dir, None, encoder_dir, start_dir)
        figure = figure_of(summary.validation, row.objective)
    except (TrainingError, SettingsError, tf.errors.ResourceExhaustedError) as error:
        return replace(row, status=FAILED, reason=str(error))
    finally:
        # Models, optimisers and traced functions form reference cycles.
        gc.collect()
    if not math.isfinite(figure):
        return replace(row, status=FAILED, reason=f"{row.objective} is {figure}")
    return replace(
        row,
        figure=float(figure),
        steps=summary.steps,
        seconds=round(summary.seconds, 3),
        status=FINISHED,
    )
