"""Two ways to what was blessed last: TFX's resolvers ask the metadata, components ask the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import Channel, standard_artifacts

from components.cross_modal_evaluator.executor import blessing_key
from components.data_gate.artifacts import DataDecision
from components.last_blessed.component import LastBlessed
from components.last_blessed.data_component import LastBlessedData
from pipeline import last_blessed, last_blessed_data
from pipeline.work_dir import JUDGE_NODE, WorkDir
from trainer.config import STAGES

EVALUATOR = "CrossModalEvaluator"

Nodes = dict[str, BaseNode]


class LookUps(Protocol):
    """How the nodes that look for what was blessed last are made; they get their names later."""

    @property
    def data_place(self) -> str:
        """The folder in which a run with a pushed model leaves what it said of its data, or ""."""

    def model(self, nodes: Nodes, stage: str) -> BaseNode:
        """Returns a node with the output `model` for the stage's model in `nodes`."""

    def data(self, nodes: Nodes) -> BaseNode:
        """Returns a node with the outputs `statistics` and `gate` for the data in `nodes`."""

    def earlier(self, nodes: Nodes, stage: str) -> BaseNode | None:
        """Returns a node with the outputs `examples` and, where runs have one, `judge`: of the last
        run on other data that blessed the stage's model. None where they cannot be found."""


class InMetadata:
    """Resolvers, for orchestrators that have them."""

    data_place = ""

    def model(self, nodes: Nodes, stage: str) -> BaseNode:
        """See `LookUps`."""
        channels: dict[str, Any] = {
            last_blessed.MODEL: Channel(
                type=standard_artifacts.Model, producer_component_id=f"Trainer.{stage}"
            ),
            last_blessed.BLESSING: _blessing(stage),
            last_blessed.CANDIDATE: trained_model(nodes, stage),
        }
        return tfx.dsl.Resolver(strategy_class=last_blessed.LastBlessedStrategy, **channels)

    def data(self, nodes: Nodes) -> BaseNode:
        """See `LookUps`."""
        gate = Channel(type=DataDecision, producer_component_id="DataGate")
        return _of_blessed_run(nodes, STAGES, {last_blessed_data.GATE: gate})

    def earlier(self, nodes: Nodes, stage: str) -> BaseNode:
        """See `LookUps`."""
        examples = Channel(
            type=standard_artifacts.Examples, producer_component_id="CaptionExampleGen"
        )
        wanted = {last_blessed_data.EXAMPLES: examples}
        if JUDGE_NODE in nodes:
            wanted[last_blessed_data.JUDGE] = Channel(
                type=standard_artifacts.Model, producer_component_id=JUDGE_NODE
            )
        return _of_blessed_run(nodes, [stage], wanted)


class InStore:
    """Components that look at what earlier runs left in the store, for orchestrators without."""

    def __init__(self, work: WorkDir):
        """Looks into the folders of `work`."""
        self._work = work
        self.data_place = str(work.last_data)

    def model(self, nodes: Nodes, stage: str) -> BaseNode:
        """See `LookUps`."""
        return LastBlessed(trained_model(nodes, stage), str(self._work.serving / stage))

    def data(self, nodes: Nodes) -> BaseNode:
        """See `LookUps`."""
        return LastBlessedData(nodes["StatisticsGen"].outputs["statistics"], self.data_place)

    def earlier(self, nodes: Nodes, stage: str) -> None:
        """See `LookUps`; what is left in the store says nothing of pictures."""


def _of_blessed_run(nodes: Nodes, stages: Iterable[str], wanted: Mapping[str, Channel]) -> BaseNode:
    """Returns a resolver of `wanted` in the last run on other data that blessed one of `stages`."""
    channels: dict[str, Any] = {
        last_blessed_data.CANDIDATE: nodes["StatisticsGen"].outputs["statistics"],
        last_blessed_data.STATISTICS: Channel(
            type=standard_artifacts.ExampleStatistics, producer_component_id="StatisticsGen"
        ),
        **wanted,
        **{blessing_key(stage): _blessing(stage) for stage in stages},
    }
    strategy = last_blessed_data.LastBlessedDataStrategy
    return tfx.dsl.Resolver(strategy_class=strategy, **channels)


def trained_model(nodes: Nodes, stage: str) -> Channel:
    """Returns the model of the stage's Trainer."""
    return nodes[f"Trainer.{stage}"].outputs["model"]


def _blessing(stage: str) -> Channel:
    return Channel(
        type=standard_artifacts.ModelBlessing,
        producer_component_id=EVALUATOR,
        output_key=blessing_key(stage),
    )
