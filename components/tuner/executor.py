"""Executor of Tuner: TFX's executor without terminal output, and with the table of trials."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from absl import logging
from tfx import types
from tfx.components.tuner import executor as standard
from tfx.types import artifact_utils
from tfx.utils import json_utils

from data.base import files
from trainer.trials import TABLE

CONFIG = "custom_config"
RESULTS = "tuner_results"


class Executor(standard.Executor):
    """Runs the search and adds the table of all trials to the results."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the search of `tuner_fn`, which writes its table to `resume_dir`."""
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                super().Do(input_dict, output_dict, exec_properties)
        finally:
            logging.info("KerasTuner said:\n%s", said.getvalue())
        config = json_utils.loads(exec_properties[CONFIG])
        results = artifact_utils.get_single_uri(output_dict[RESULTS])
        files.write_whole(f"{results}/{TABLE}", files.read(f"{config['resume_dir']}/{TABLE}"))
