"""Two ways to what was blessed last: TFX's resolvers ask the metadata, components ask the store."""

from __future__ import annotations

from typing import Any, Protocol

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import Channel, standard_artifacts

from components.cross_modal_evaluator.executor import blessing_key
from components.data_gate.artifacts import DataDecision
from components.last_blessed.component import LastBlessed
from components.last_blessed.data_component import LastBlessedData
from pipeline import last_blessed, last_blessed_data
from pipeline.work_dir import WorkDir
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
        """Returns a node with the outputs `statistics` and `gate` for the data in `nodes`, and with
        `examples` where the pictures of earlier runs can be found."""


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
        channels: dict[str, Any] = {
            last_blessed_data.CANDIDATE: nodes["StatisticsGen"].outputs["statistics"],
            last_blessed_data.STATISTICS: Channel(
                type=standard_artifacts.ExampleStatistics, producer_component_id="StatisticsGen"
            ),
            last_blessed_data.EXAMPLES: Channel(
                type=standard_artifacts.Examples, producer_component_id="CaptionExampleGen"
            ),
            last_blessed_data.GATE: Channel(type=DataDecision, producer_component_id="DataGate"),
            **{blessing_key(stage): _blessing(stage) for stage in STAGES},
        }
        strategy = last_blessed_data.LastBlessedDataStrategy
        return tfx.dsl.Resolver(strategy_class=strategy, **channels)


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


def trained_model(nodes: Nodes, stage: str) -> Channel:
    """Returns the model of the stage's Trainer."""
    return nodes[f"Trainer.{stage}"].outputs["model"]


def _blessing(stage: str) -> Channel:
    return Channel(
        type=standard_artifacts.ModelBlessing,
        producer_component_id=EVALUATOR,
        output_key=blessing_key(stage),
    )
