"""Entry point of the TFX Tuner, which imports `tuner_fn` by its dotted path; and its tuner."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from tqdm import tqdm

from data.prepared import PreparedData
from trainer import trials
from trainer.config import Experiment
from trainer.engine.loop import TrainingError
from trainer.engine.selection_metric import selection_metric_of
from trainer.run_fn import transformed
from trainer.settings_loader import from_mapping
from trainer.trials import Trial
from trainer.tuning import run_trial
from trainer.tuning_settings import TuningSettings, kind, own_values, typed

PROJECT = "search"
_ROW, _TRAINING = "row.jsonl", "training"


class TunerFnResult(NamedTuple):
    """The result of `tuner_fn`, with the fields of TFX's type, which would need an import of TFX.

    Attributes:
      tuner: has `search`, `oracle` and `get_best_hyperparameters`.
      fit_kwargs: arguments of `search`.
    """

    tuner: BaseTuner
    fit_kwargs: dict[str, Any]


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """Returns a tuner over the outputs of Transform.

    Args:
      fn_args: TFX FnArgs. `custom_config` has `experiment` and `tuning` (JSON), `resume_dir`
        (where finished trials survive a killed execution and the table of all trials is written)
        and optionally `start_dir` (an earlier model for a warm start of each trial). `base_model`
        is the encoder, for the stages that use it.
    """
    config = fn_args.custom_config
    experiment = from_mapping(Experiment, json.loads(config["experiment"]), "custom_config")
    tuning = from_mapping(TuningSettings, json.loads(config["tuning"]), "custom_config", "tuning.")
    prepared = transformed(fn_args, experiment)
    tuner = StageTuner(
        experiment,
        tuning,
        prepared,
        fn_args.base_model,
        config["resume_dir"],
        config.get("start_dir"),
    )
    return TunerFnResult(tuner, {})


class StageTuner(BaseTuner):
    """Random search (Bergstra and Bengio 2012) over the knobs of one stage.

    The first trial has the config's values, if they are in the space, as a baseline for the best
    one. The values of each trial depend only on `tuning.seed`, not on the results of earlier
    trials. A killed search can be resumed: KerasTuner's project has the finished trials, and the
    interrupted trial continues from its checkpoint.
    """

    def __init__(
        self,
        experiment: Experiment,
        tuning: TuningSettings,
        prepared: PreparedData,
        encoder_dir: str | None,
        directory: str,
        start_dir: str | None = None,
    ):
        tuning.require_fit(experiment)
        self.experiment, self.tuning, self.prepared = experiment, tuning, prepared
        self.encoder_dir, self.start_dir = encoder_dir or None, start_dir
        figure, higher = selection_metric_of(tuning.stage, bool(prepared.attributes))
        self.wanted = figure, "max" if higher else "min"
        self.own = own_values(experiment, tuning)
        Path(directory).mkdir(parents=True, exist_ok=True)
        oracle = OwnValuesFirst(
            self.own,
            objective=keras_tuner.Objective(*self.wanted),
            max_trials=tuning.trials,
            # KerasTuner treats 0 as no seed.
            seed=tuning.seed + 1,
            hyperparameters=space_of(tuning),
            tune_new_entries=False,
            allow_new_entries=False,
            # Failed trials do not stop the search; if all fail, `on_search_end` raises.
            max_consecutive_failed_trials=tuning.trials + 1,
        )
        oracle.verbose = 0
        super().__init__(oracle, directory=directory, project_name=PROJECT)

    def run_trial(self, trial: Any, *fit_args: Any, **fit_kwargs: Any) -> dict[str, float]:
        """Trains once with the trial's values and writes the row to the trial's directory."""
        values = {name: typed(name, value) for name, value in trial.hyperparameters.values.items()}
        row = Trial(int(trial.trial_id) + 1, values, *self.wanted, own=values == self.own)
        directory = Path(self.get_trial_dir(trial.trial_id))
        try:
            row = run_trial(
                self.experiment,
                self.tuning,
                row,
                self.prepared,
                str(directory / _TRAINING),
                self.encoder_dir,
                self.start_dir,
            )
        except Exception as error:
            # KerasTuner would treat any other exception as a failed trial.
            raise keras_tuner.errors.FatalError(str(error)) from error
        trials.write_table([row], directory / _ROW)
        if row.figure is None:
            raise keras_tuner.errors.FailedTrialError(row.reason)
        return {row.objective: row.figure}

    def on_trial_end(self, trial: Any) -> None:
        """Records the trial and deletes its checkpoints."""
        super().on_trial_end(trial)
        shutil.rmtree(Path(self.get_trial_dir(trial.trial_id)) / _TRAINING, ignore_errors=True)
        row, best = self._row(trial.trial_id), trials.best_of(self.rows())
        said = row.reason or f"{row.objective} {row.figure:.4g}"
        so_far = f"; best {best.figure:.4g} of trial {best.trial}" if best else ""
        tqdm.write(
            f"trial {row.trial} of {self.tuning.trials} at most: {said}{so_far}", file=sys.stderr
        )

    def on_search_end(self) -> None:
        """Writes the table of all trials.

        Raises:
          TrainingError: no trial finished.
        """
        rows = self.rows()
        trials.write_table(rows, Path(self.directory) / trials.TABLE)
        if trials.best_of(rows) is None:
            raise TrainingError(
                f"tuning: none of {len(rows)} trials finished, the first one because: "
                f"{rows[0].reason} Narrow tuning.space, or give trials more time."
            )

    def rows(self) -> list[Trial]:
        """Returns the trials that have ended, ordered by number."""
        return [self._row(trial_id) for trial_id in sorted(self.oracle.end_order)]

    def _row(self, trial_id: str) -> Trial:
        text = (Path(self.get_trial_dir(trial_id)) / _ROW).read_text(encoding="utf-8")
        return trials.read_table(text)[0]


class OwnValuesFirst(keras_tuner.oracles.RandomSearchOracle):
    """Random search whose first trial has the given values, if there are any."""

    def __init__(self, own: Mapping[str, Any], **options: Any):
        super().__init__(**options)
        self.own = dict(own)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of a new trial in KerasTuner's form."""
        if self.own and not self.trials:
            return {"status": "RUNNING", "values": dict(self.own)}
        return super().populate_space(trial_id)


def space_of(tuning: TuningSettings) -> keras_tuner.HyperParameters:
    """Returns the knobs in KerasTuner's form."""
    space = keras_tuner.HyperParameters()
    for name, knob in tuning.space.items():
        if knob.values:
            space.Choice(name, [typed(name, value) for value in knob.values])
            continue
        low, high = (typed(name, end) for end in knob.tried())
        add = space.Int if kind(name) is int else space.Float
        add(name, low, high, sampling=knob.sampling)
    return space
