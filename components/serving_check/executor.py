"""Executor of ServingCheck: writes the report and the blessing."""

from __future__ import annotations

import json
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifact_files import read_examples
from components.artifacts import write_blessing
from components.serving_check.check import check

MODEL = "model"
EXAMPLES = "examples"
BLESSING = "blessing"
REPORT = "report"
MODEL_NAME = "model_name"
TIME_LIMIT = "time_limit_seconds"
BATCH = "batch"
COMPRESSED = "compressed"

# The file names of the standard InfraValidator.
YES, NO = "INFRA_BLESSED", "INFRA_NOT_BLESSED"


class Executor(base_executor.BaseExecutor):
    """Checks the model in `model`; writes `report.json` and the blessing."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the check within the time limit; a refusal is a result, not an error."""
        self._log_startup(input_dict, output_dict, exec_properties)
        batch = exec_properties[BATCH]
        result = check(
            path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict[MODEL])),
            exec_properties[MODEL_NAME],
            list(read_examples(_test_split(input_dict[EXAMPLES]), limit=batch)),
            batch=batch,
            time_limit=exec_properties[TIME_LIMIT],
            compressed=json.loads(exec_properties[COMPRESSED]),
        )
        report_uri = artifact_utils.get_single_uri(output_dict[REPORT])
        io_utils.write_string_file(
            f"{report_uri}/report.json", json.dumps(result.to_json(), indent=1)
        )
        target = artifact_utils.get_single_instance(output_dict[BLESSING])
        write_blessing(target, result.blessed, result.sentence, yes=YES, no=NO)
        log = logging.info if result.blessed else logging.warning
        log("ServingCheck of the %s: %s", result.model, result.sentence)


def _test_split(examples: list[types.Artifact]) -> str:
    return artifact_utils.get_split_uri(examples, "test")
