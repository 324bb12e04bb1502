"""Executor of LastBlessedData: copies kept statistics and decisions to artefacts."""

from __future__ import annotations

import json
import posixpath
from typing import Any

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.last_blessed import kept_data
from components.last_blessed.executor import CANDIDATE, FOUND_FILE
from components.last_blessed.kept_data import GATE, STATISTICS
from data.base import files

PLACE = "place"


class Executor(base_executor.BaseExecutor):
    """Copies statistics and gate decision of the last run with a pushed model and other data."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `found.json` to both outputs, and their files if there are any."""
        self._log_startup(input_dict, output_dict, exec_properties)
        candidate = artifact_utils.get_single_instance(input_dict[CANDIDATE])
        folder = kept_data.newest_but(exec_properties[PLACE], candidate.uri)
        logging.info("The last blessed data: %s", folder or "none")
        for key in (STATISTICS, GATE):
            target = artifact_utils.get_single_instance(output_dict[key])
            if folder:
                io_utils.copy_dir(posixpath.join(folder, key), target.uri)
            text = json.dumps({"data": folder})
            files.write_whole(posixpath.join(target.uri, FOUND_FILE), text.encode("utf-8"))
        statistics = artifact_utils.get_single_instance(output_dict[STATISTICS])
        splits = _splits(posixpath.join(folder, STATISTICS)) if folder else []
        statistics.split_names = artifact_utils.encode_split_names(splits)


def _splits(statistics: str) -> list[str]:
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(statistics))
    return sorted(name.removeprefix("Split-") for name in names if name.startswith("Split-"))
