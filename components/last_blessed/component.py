"""LastBlessed and LastBlessedData: the last pushed model and its data, without TFX's resolvers."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import DataDecision
from components.last_blessed import data_executor, executor, kept_data
from components.last_blessed.executor import CANDIDATE


class LastBlessedSpec(ComponentSpec):
    """Channels and properties of LastBlessed."""

    PARAMETERS: Mapping[str, ExecutionParameter] = {
        executor.PUSHED: ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {
        executor.CANDIDATE: ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS: Mapping[str, ChannelParameter] = {
        executor.MODEL: ChannelParameter(type=standard_artifacts.Model),
    }


class LastBlessed(base_component.BaseComponent):
    """Reads the folder that Pushers push to: models there were blessed and could be served.

    Component `outputs` contains:
      - `model`: Channel of type `standard_artifacts.Model`: a copy of the last pushed model other
        than the candidate, or no model; `found.json` names it.
    """

    SPEC_CLASS = LastBlessedSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, candidate: types.BaseChannel, pushed: str) -> None:
        """Builds the node.

        Args:
          candidate: Channel of type `standard_artifacts.Model`, the model to be evaluated.
          pushed: the folder of versions that the model's Pusher pushes to; may be a URI.
        """
        spec = LastBlessedSpec(
            candidate=candidate,
            pushed=pushed,
            model=types.Channel(type=standard_artifacts.Model),
        )
        super().__init__(spec=spec)


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
    """Reads the folder in which RunReport keeps the data of runs with a pushed model.

    Component `outputs` contains:
      - `statistics`: Channel of type `standard_artifacts.ExampleStatistics`, without splits if no
        other data were kept.
      - `gate`: Channel of type `DataDecision`, without a decision in that case. `found.json` in
        both names the source.
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
