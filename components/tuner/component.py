"""Tuner: the TFX Tuner, whose results also contain the table of all trials."""

from __future__ import annotations

from tfx import v1 as tfx
from tfx.dsl.components.base import executor_spec

from components.tuner import executor


class Tuner(tfx.components.Tuner):
    """The standard Tuner with an additional file in `tuner_results`.

    Component `outputs` contains:
      - `best_hyperparameters`: Channel of type `HyperParameters`, for a Trainer.
      - `tuner_results`: Channel of type `TunerResults`: TFX's `tuner_results.json`, and
        `trials.jsonl` with a line for each trial, failed ones too (`trainer.trials.Trial`).
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
