"""LastBlessedData: what the last run with a pushed model said of its data, without metadata."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.data_gate.artifacts import DataDecision
from components.last_blessed import data_executor, kept_data
from components.last_blessed.executor import CANDIDATE


class LastBlessedDataSpec(ComponentSpec):
    """Channels and properties of LastBlessedData."""

    PARAMETERS: Mapping[str, ExecutionParameter] = {
        data_executor.PLACE: ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {
        CANDIDATE: ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }
    OUTPUTS: Mapping[str, ChannelParameter] = {
        kept_data.STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics),
        kept_data.GATE: ChannelParameter(type=DataDecision),
    }


class LastBlessedData(base_component.BaseComponent):
    """Looks into the folder in which RunReport keeps what runs with a pushed model said.

    Component `outputs` contains:
      - `statistics`: Channel of type `standard_artifacts.ExampleStatistics`, without splits where
        no other data were kept.
      - `gate`: Channel of type `DataDecision`, without a decision then. `found.json` in both says
        what was found.
    """

    SPEC_CLASS = LastBlessedDataSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(data_executor.Executor)

    def __init__(self, candidate: types.BaseChannel, place: str) -> None:
        """Builds the node.

        Args:
          candidate: Channel of type `standard_artifacts.ExampleStatistics`, of the new data.
          place: RunReport's `data_place`; may be a URI.
        """
        spec = LastBlessedDataSpec(
            candidate=candidate,
            place=place,
            statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            gate=types.Channel(type=DataDecision),
        )
        super().__init__(spec=spec)
