"""Nodes that find what was blessed last, in two ways: resolvers ask the metadata of TFX, and
components look into the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import ml_metadata as mlmd
from tfx import types
from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import Channel, standard_artifacts
from tfx.v1.dsl.experimental import ResolverStrategy

from components.artifacts import DataDecision, is_blessed
from components.cross_modal_evaluator.executor import blessing_key
from components.last_blessed.component import LastBlessed, LastBlessedData
from pipeline.work_dir import JUDGE_NODE, WorkDir
from trainer.config import STAGES

MODEL = "model"
BLESSING = "blessing"
CANDIDATE = "candidate"
STATISTICS = "statistics"
GATE = "gate"
EXAMPLES = "examples"
JUDGE = "judge"
RUN = "pipeline_run"
# What is looked up; all other inputs but the candidate are blessings.
_OF_A_RUN = (STATISTICS, GATE, EXAMPLES, JUDGE)
EVALUATOR = "CrossModalEvaluator"
Nodes = dict[str, BaseNode]


class LastBlessedStrategy(ResolverStrategy):
    """Resolves `model` to the newest blessed one that is not the candidate itself.

    TFX's own LatestBlessedModelStrategy returns the candidate when a finished run is started again:
    the model would be judged against itself, and the judgement could not come from the cache.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Returns `input_dict` with one model or none under `model`, and its blessing."""
        candidates = {artifact.id for artifact in input_dict[CANDIDATE]}
        blessed = {
            blessing.get_int_custom_property("current_model_id"): blessing
            for blessing in sorted(input_dict[BLESSING], key=lambda artifact: artifact.id)
            if is_blessed(blessing)
        }
        models = [item for item in input_dict[MODEL] if item.id in blessed.keys() - candidates]
        last = sorted(models, key=lambda artifact: artifact.id)[-1:]
        return {
            MODEL: last,
            BLESSING: [blessed[item.id] for item in last],
            CANDIDATE: input_dict[CANDIDATE],
        }


class LastBlessedDataStrategy(ResolverStrategy):
    """Resolves `statistics`, and `gate`, `examples` and `judge` where they are among the inputs, to
    those of the newest run that gave one of the blessings.

    Runs on the candidate's own data do not count: a finished run that is started again would be
    compared with itself, and could not come from the cache.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Returns `input_dict` with one artefact or none under each of these."""
        own = {artifact.id for artifact in input_dict[CANDIDATE]}
        found: dict[str, list[types.Artifact]] = {
            name: [] for name in _OF_A_RUN if name in input_dict
        }
        for members in _blessed_runs(store, input_dict):
            held = {
                name: [artifact for artifact in input_dict[name] if artifact.id in members][-1:]
                for name in found
            }
            if held[STATISTICS] and held[STATISTICS][0].id not in own:
                found = held
                break
        return {**input_dict, **found}


def _blessed_runs(
    store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
) -> Iterator[set[int]]:
    """Yields the ids of all artefacts of each run that blessed a model, the newest first."""
    blessings = (
        artifact
        for name, several in input_dict.items()
        if name not in (*_OF_A_RUN, CANDIDATE)
        for artifact in several
        if is_blessed(artifact)
    )
    for blessing in sorted(blessings, key=lambda artifact: -artifact.id):
        runs = [one for one in store.get_contexts_by_artifact(blessing.id) if one.type == RUN]
        for run in sorted(runs, key=lambda context: context.id):
            yield {artifact.id for artifact in store.get_artifacts_by_context(run.id)}


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
            MODEL: Channel(type=standard_artifacts.Model, producer_component_id=f"Trainer.{stage}"),
            BLESSING: _blessing(stage),
            CANDIDATE: trained_model(nodes, stage),
        }
        return tfx.dsl.Resolver(strategy_class=LastBlessedStrategy, **channels)

    def data(self, nodes: Nodes) -> BaseNode:
        """See `LookUps`."""
        gate = Channel(type=DataDecision, producer_component_id="DataGate")
        return _of_blessed_run(nodes, STAGES, {GATE: gate})

    def earlier(self, nodes: Nodes, stage: str) -> BaseNode:
        """See `LookUps`."""
        examples = Channel(
            type=standard_artifacts.Examples, producer_component_id="CaptionExampleGen"
        )
        wanted = {EXAMPLES: examples}
        if JUDGE_NODE in nodes:
            wanted[JUDGE] = Channel(type=standard_artifacts.Model, producer_component_id=JUDGE_NODE)
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
        CANDIDATE: nodes["StatisticsGen"].outputs["statistics"],
        STATISTICS: Channel(
            type=standard_artifacts.ExampleStatistics, producer_component_id="StatisticsGen"
        ),
        **wanted,
        **{blessing_key(stage): _blessing(stage) for stage in stages},
    }
    strategy = LastBlessedDataStrategy
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
