"""LastBlessed: the last pushed model, for orchestrators without TFX's resolvers."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.last_blessed import executor


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
    """Looks into the folder that Pushers push to: what is there was blessed, and could be served.

    Component `outputs` contains:
      - `model`: Channel of type `standard_artifacts.Model`: a copy of the last pushed model other
        than the candidate, or no model; `found.json` says which.
    """

    SPEC_CLASS = LastBlessedSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, candidate: types.BaseChannel, pushed: str) -> None:
        """Builds the node.

        Args:
          candidate: Channel of type `standard_artifacts.Model`, the model to be judged.
          pushed: the folder of versions that the model's Pusher pushes to; may be a URI.
        """
        spec = LastBlessedSpec(
            candidate=candidate,
            pushed=pushed,
            model=types.Channel(type=standard_artifacts.Model),
        )
        super().__init__(spec=spec)
