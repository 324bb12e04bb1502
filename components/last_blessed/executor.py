"""Executor of LastBlessed: copies a pushed model to a Model artefact."""

from __future__ import annotations

import json
import posixpath
from typing import Any

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from data.base import files
from trainer.export.layout import FINGERPRINT, SAVED_MODEL

CANDIDATE = "candidate"
PUSHED = "pushed"
MODEL = "model"
FOUND_FILE = "found.json"


class Executor(base_executor.BaseExecutor):
    """Copies the last pushed model other than the candidate to `model`, if there is one."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `found.json` and, if a model was found, the model in TFX's layout."""
        self._log_startup(input_dict, output_dict, exec_properties)
        candidate = artifact_utils.get_single_uri(input_dict[CANDIDATE])
        target = artifact_utils.get_single_instance(output_dict[MODEL])
        version = last_pushed(exec_properties[PUSHED], path_utils.serving_model_path(candidate))
        logging.info("The last pushed model: %s", version or "none")
        if version:
            io_utils.copy_dir(version, path_utils.serving_model_path(target.uri))
            target.set_string_custom_property("pushed_destination", version)
        text = json.dumps({"model": version})
        files.write_whole(posixpath.join(target.uri, FOUND_FILE), text.encode("utf-8"))


def last_pushed(folder: str, candidate: str) -> str:
    """Returns the SavedModel of the highest version in `folder` that is not `candidate`, or "".

    A candidate that an earlier run has pushed would otherwise be compared with itself.

    Args:
      folder: of versions, may be a URI and need not exist.
      candidate: a SavedModel.
    """
    if not tf.io.gfile.isdir(folder):
        return ""
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
    own = _fingerprint(candidate)
    for name in sorted(filter(str.isdecimal, names), key=int, reverse=True):
        version = posixpath.join(folder, name)
        if (
            tf.io.gfile.exists(posixpath.join(version, SAVED_MODEL))
            and _fingerprint(version) != own
        ):
            return version
    return ""


def _fingerprint(model: str) -> bytes:
    return files.read(posixpath.join(model, FINGERPRINT))
