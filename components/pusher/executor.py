"""Executor for the standard Pusher that publishes a model atomically."""

from __future__ import annotations

import posixpath
import time
from typing import Any

from absl import logging
from tfx import types
from tfx.components.pusher import executor as stock
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.types.standard_component_specs import PUSH_DESTINATION_KEY, PUSHED_MODEL_KEY
from tfx.utils import io_utils, proto_utils

from trainer.export.whole import already_published, publish


class Executor(stock.Executor):
    """Copies a blessed model next to the served ones, verifies the copy, and then publishes it.

    The standard executor copies directly into the served folder. If the disk fills up, the newest
    version is then a damaged model; and a push that was killed is repeated.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Sets the properties of `pushed_model` like the standard executor: whether it was pushed,
        where, and which version."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[PUSH_DESTINATION_KEY], destination)
        base = destination.filesystem.base_directory
        # Write the copy that is not served first: if it does not fit, nothing is published.
        io_utils.copy_dir(model, pushed.uri)
        version = str(already_published(model, base) or publish(model, base, time.time()))
        place = posixpath.join(base, version)
        self._MarkPushed(pushed, pushed_destination=place, pushed_version=version)
        logging.info("Model pushed to %s", place)
