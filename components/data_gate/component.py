"""DataGate: the node that passes data or stops the run, with reasons."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import DataDecision, RejectedRows
from components.data_gate import executor
from data.checking.findings import DEFAULT_LIMITS, CheckLimits


class DataGateSpec(ComponentSpec):
    """Channels and properties of DataGate."""

    PARAMETERS: Mapping[str, ExecutionParameter] = {
        executor.LIMITS: ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {
        executor.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        executor.STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics),
        executor.ANOMALIES: ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        executor.REJECTS: ChannelParameter(type=RejectedRows),
        executor.SCHEMA: ChannelParameter(type=standard_artifacts.Schema, optional=True),
        executor.LAST_STATISTICS: ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
        executor.LAST_GATE: ChannelParameter(type=DataDecision, optional=True),
    }
    OUTPUTS: Mapping[str, ChannelParameter] = {
        executor.GATE: ChannelParameter(type=DataDecision),
    }


class DataGate(base_component.BaseComponent):
    """Fails, and so stops all downstream nodes, if the data must not be used for training.

    Standard components have no input for a decision; make them wait with `add_upstream_node`.

    Component `outputs` contains:
      - `gate`: Channel of type `DataDecision`.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        statistics: types.BaseChannel,
        anomalies: types.BaseChannel,
        rejects: types.BaseChannel,
        schema: types.BaseChannel | None = None,
        last_statistics: types.BaseChannel | None = None,
        last_gate: types.BaseChannel | None = None,
        limits: CheckLimits = DEFAULT_LIMITS,
    ) -> None:
        """Builds the node.

        Args:
          examples: Channel of type `standard_artifacts.Examples` in the raw format.
          statistics: of those examples, Channel of type `standard_artifacts.ExampleStatistics`.
          anomalies: Channel of type `standard_artifacts.ExampleAnomalies`.
          rejects: Channel of type `RejectedRows`.
          schema: of the examples; without it, drift and skew are not checked.
          last_statistics, last_gate: of the data of the last blessed run, `ExampleStatistics` and
            `DataDecision`; each channel may be empty.
          limits: of the checks.
        """
        spec = DataGateSpec(
            examples=examples,
            statistics=statistics,
            anomalies=anomalies,
            rejects=rejects,
            schema=schema,
            last_statistics=last_statistics,
            last_gate=last_gate,
            limits=limits.to_json(),
            gate=types.Channel(type=DataDecision),
        )
        super().__init__(spec=spec)
