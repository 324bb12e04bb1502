"""ServingCheck: the node that checks whether an exported model can be served."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import ServingCheckReport
from components.serving_check import executor
from components.serving_check.contract import CONTRACT


class ServingCheckSpec(ComponentSpec):
    """Channels and properties of ServingCheck."""

    PARAMETERS: Mapping[str, ExecutionParameter] = {
        executor.MODEL_NAME: ExecutionParameter(type=str),
        executor.TIME_LIMIT: ExecutionParameter(type=float),
        executor.BATCH: ExecutionParameter(type=int),
        executor.COMPRESSED: ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {
        executor.MODEL: ChannelParameter(type=standard_artifacts.Model),
        executor.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS: Mapping[str, ChannelParameter] = {
        executor.BLESSING: ChannelParameter(type=standard_artifacts.InfraBlessing),
        executor.REPORT: ChannelParameter(type=ServingCheckReport),
    }


class ServingCheck(base_component.BaseComponent):
    """Loads the SavedModel that will be pushed in a fresh process and replays real requests.

    Component `outputs` contains:
      - `blessing`: Channel of type `standard_artifacts.InfraBlessing`, for a Pusher.
      - `report`: Channel of type `ServingCheckReport`, with findings and latencies.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        model_name: str,
        time_limit_seconds: float = 180.0,
        batch: int = 8,
        compressed: Sequence[str] = (),
    ) -> None:
        """Builds the node.

        Args:
          model: Channel of type `standard_artifacts.Model`.
          examples: Channel of type `standard_artifacts.Examples` in the raw format, with a test
            split; the requests are built from it.
          model_name: `encoder`, `captioner` or `generator`.
          time_limit_seconds: a model that takes longer for all requests is refused.
          batch: rows of the larger requests.
          compressed: forms that must exist as LiteRT models.

        Raises:
          ValueError: the model name is unknown, or the batch is below 2.
        """
        if model_name not in CONTRACT:
            raise ValueError(f"model_name is {model_name!r}; choose one of {', '.join(CONTRACT)}")
        if batch < 2:
            raise ValueError(f"batch is {batch}; two rows or more show what neighbours change")
        spec = ServingCheckSpec(
            model=model,
            examples=examples,
            model_name=model_name,
            time_limit_seconds=time_limit_seconds,
            batch=batch,
            compressed=json.dumps(list(compressed)),
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            report=types.Channel(type=ServingCheckReport),
        )
        super().__init__(spec=spec)
