"""Executor of the stock Pusher that publishes a model whole or not at all."""

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
    """Copies a blessed model beside the served ones, compares the copy, and then publishes it.

    The stock executor copies into the served folder. A disk that fills up then leaves a damaged
    model as the newest version, and a push that was killed is made twice.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Marks `pushed_model` as the stock executor does: pushed or not, where, which version."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[PUSH_DESTINATION_KEY], destination)
        base = destination.filesystem.base_directory
        # First the copy that nobody serves: where it does not fit, nothing is published.
        io_utils.copy_dir(model, pushed.uri)
        version = str(already_published(model, base) or publish(model, base, time.time()))
        place = posixpath.join(base, version)
        self._MarkPushed(pushed, pushed_destination=place, pushed_version=version)
        logging.info("Model pushed to %s", place)
