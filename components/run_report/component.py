"""RunReport: the node that writes a page about the run and its models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import DataDecision, RejectedRows, RunReportPage, ServingCheckReport
from components.run_report import executor
from components.run_report.executor import pushed_key, run_key, serving_key
from trainer.config import STAGES


def _optional(kind: type[types.Artifact]) -> ChannelParameter:
    return ChannelParameter(type=kind, optional=True)


class RunReportSpec(ComponentSpec):
    """Channels and properties of RunReport; every input may be missing."""

    PARAMETERS: Mapping[str, ExecutionParameter] = {
        executor.NAME: ExecutionParameter(type=str),
        executor.CONFIG: ExecutionParameter(type=str),
        executor.WORK_DIR: ExecutionParameter(type=str),
        executor.METADATA: ExecutionParameter(type=str),
        executor.DATA_PLACE: ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {
        executor.EXAMPLES: _optional(standard_artifacts.Examples),
        executor.STATISTICS: _optional(standard_artifacts.ExampleStatistics),
        executor.ANOMALIES: _optional(standard_artifacts.ExampleAnomalies),
        executor.REJECTS: _optional(RejectedRows),
        executor.GATE: _optional(DataDecision),
        executor.EVALUATION: _optional(standard_artifacts.ModelEvaluation),
        executor.TUNING: _optional(standard_artifacts.TunerResults),
        **{stage: _optional(standard_artifacts.Model) for stage in STAGES},
        **{run_key(stage): _optional(standard_artifacts.ModelRun) for stage in STAGES},
        **{serving_key(stage): _optional(ServingCheckReport) for stage in STAGES},
        **{pushed_key(stage): _optional(standard_artifacts.PushedModel) for stage in STAGES},
    }
    OUTPUTS: Mapping[str, ChannelParameter] = {
        executor.REPORT: ChannelParameter(type=RunReportPage),
    }


class RunReport(base_component.BaseComponent):
    """Writes one self-contained HTML page about the run.

    Component `outputs` contains:
      - `report`: Channel of type `RunReportPage`: `index.html` and `report.json`.
    """

    SPEC_CLASS = RunReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        *,
        work_dir: str = "",
        metadata_path: str = "",
        data_place: str = "",
        **inputs: types.BaseChannel,
    ) -> None:
        """Builds the node.

        Args:
          name: of the run.
          config: the whole configuration, JSON-able.
          work_dir: of copies for the user: `report/index.html` and `metrics.json`; "" for no
            copies.
          metadata_path: the local metadata database, for the nodes' times; "" leaves them out.
          data_place: the folder in which statistics and gate decision are kept for LastBlessedData
            after a model has been pushed; "" for none.
          **inputs: Channels by the names in `RunReportSpec.INPUTS`: `examples`, `statistics`,
            `anomalies`, `rejects`, `gate`, `evaluation`, `tuning`, and for each of encoder,
            captioner and generator the model (`encoder`), its training (`encoder_run`), its
            ServingCheck report (`encoder_serving`) and its push (`encoder_pushed`).

        Raises:
          TypeError: an input has another name.
        """
        unknown = sorted(set(inputs) - set(RunReportSpec.INPUTS))
        if unknown:
            raise TypeError(f"unknown inputs {unknown}; choose from {sorted(RunReportSpec.INPUTS)}")
        spec = RunReportSpec(
            name=name,
            config=json.dumps(config, ensure_ascii=False, sort_keys=True),
            work_dir=work_dir,
            metadata_path=metadata_path,
            data_place=data_place,
            report=types.Channel(type=RunReportPage),
            **inputs,
        )
        super().__init__(spec=spec)
