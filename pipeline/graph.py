"""The whole graph: from captioned pictures to pushed models and a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tfx import v1 as tfx
from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import Channel

from components.caption_example_gen.component import CaptionExampleGen
from components.cross_modal_evaluator.component import CrossModalEvaluator
from components.cross_modal_evaluator.executor import (
    EARLIER_JUDGE,
    baseline_key,
    blessing_key,
    earlier_key,
)
from components.cross_modal_evaluator.verdicts import is_bounded
from components.data_gate.component import DataGate
from components.data_gate.validation import statistics_options
from components.pusher.executor import Executor as PushExecutor
from components.run_report.component import RunReport
from components.run_report.executor import TUNING, pushed_key, run_key, serving_key
from components.serving_check.component import ServingCheck
from components.transform import SCHEMA_FILE, read_schema
from components.tuner.component import Tuner
from data.base.plain_paths import without_patterns
from data.schema import SPLITS
from pipeline.errors import UsageError
from pipeline.resolvers import (
    EVALUATOR,
    EXAMPLES,
    GATE,
    JUDGE,
    MODEL,
    STATISTICS,
    InMetadata,
    LookUps,
    Nodes,
    trained_model,
)
from pipeline.settings import CURATED, INFERRED, Settings
from pipeline.stages import deciding_json, digest, judge_experiment, stage_json, starts, tuning_json
from pipeline.work_dir import JUDGE_NODE, WorkDir
from trainer.config import STAGES
from trainer.evaluation.settings import JUDGE_SPLITS, EvaluationSettings
from trainer.settings_loader import to_mapping
from trainer.transfer.start import digest_of

PREPROCESSING = "components.transform.preprocessing.preprocessing_fn"
RUN_FN = "trainer.run_fn.run_fn"
TUNER_FN = "trainer.tuner_fn.tuner_fn"
TUNER = "Tuner"
LAST_DATA = "LastBlessed.data"


def create_pipeline(
    settings: Settings,
    work: WorkDir,
    *,
    data_fingerprint: str,
    force_bless: str = "",
    enable_cache: bool = True,
    beam: Sequence[str] | None = None,
) -> tfx.dsl.Pipeline:
    """Returns the pipeline of one run.

    Args:
      settings: of every node.
      work: where artefacts, metadata, checkpoints, pushed models and the report go.
      data_fingerprint: of the source; another one makes the data be read anew.
      force_bless: a person's reason to push models that miss a threshold, or "".
      enable_cache: takes the outputs of nodes whose inputs and settings are as before.
      beam: Beam's options, ready to start; None takes those of the settings as they are.
    """
    work = WorkDir(work.root.absolute())
    nodes = create_nodes(settings, work, data_fingerprint, force_bless)
    return tfx.dsl.Pipeline(
        pipeline_name=settings.name,
        # Nodes of TFX take the folders of their inputs for patterns.
        pipeline_root=str(WorkDir(Path(without_patterns(str(work.root)))).pipeline_root),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(work.metadata)
        ),
        components=list(nodes.values()),
        enable_cache=enable_cache,
        beam_pipeline_args=list(settings.beam.arguments() if beam is None else beam),
    )


def create_nodes(
    settings: Settings,
    work: WorkDir,
    data_fingerprint: str,
    force_bless: str = "",
    *,
    last: LookUps | None = None,
) -> Nodes:
    """Returns the nodes by name, each after those that it depends on.

    Args:
      settings, work, data_fingerprint, force_bless: see `create_pipeline`.
      last: how what was blessed last is found; None asks the metadata.
    """
    last = last or InMetadata()
    nodes: Nodes = {}
    add_data(nodes, settings, data_fingerprint, last)
    add_training(nodes, settings, work, data_fingerprint)
    add_judge(nodes, settings, work, data_fingerprint)
    for stage in STAGES:
        _add(nodes, last.model(nodes, stage), f"LastBlessed.{stage}")
    if any(map(is_bounded, settings.thresholds.values())):
        add_earlier(nodes, last)
    add_judgement(nodes, settings, work, force_bless)
    add_pushing(nodes, settings, work)
    add_report(nodes, settings, work, last.data_place)
    return nodes


def add_data(nodes: Nodes, settings: Settings, fingerprint: str, look_ups: LookUps) -> None:
    """Adds what reads, describes, checks and prepares the data."""
    _add(
        nodes,
        CaptionExampleGen(
            settings.source.path,
            options=settings.ingest,
            max_reject_share=settings.source.max_reject_share,
            fingerprint=fingerprint,
            span=settings.source.span,
            version=settings.source.version,
            window=settings.source.window,
        ),
    )
    examples = nodes["CaptionExampleGen"].outputs["examples"]
    describe = tfx.components.StatisticsGen(examples, stats_options=statistics_options())
    _add(nodes, describe)
    statistics = nodes["StatisticsGen"].outputs["statistics"]
    schema = _add(nodes, _schema_node(settings.schema, statistics)).outputs["schema"]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    _add(nodes, validator)
    last = _add(nodes, look_ups.data(nodes), LAST_DATA)
    gate = DataGate(
        examples=examples,
        statistics=statistics,
        schema=schema,
        last_statistics=last.outputs[STATISTICS],
        last_gate=last.outputs[GATE],
        anomalies=validator.outputs["anomalies"],
        rejects=nodes["CaptionExampleGen"].outputs["rejects"],
        limits=settings.gate,
    )
    _add(nodes, gate)
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=PREPROCESSING,
        custom_config=asdict(settings.data),
        splits_config=tfx.proto.SplitsConfig(analyze=["train"], transform=list(SPLITS)),
        disable_statistics=True,
    )
    # No standard component takes the gate's decision as an input, so this one waits for it.
    transform.add_upstream_node(gate)
    _add(nodes, transform)


def add_training(nodes: Nodes, settings: Settings, work: WorkDir, fingerprint: str) -> None:
    """Adds the three trainings; captioner and generator start from the encoder.

    Each takes over the weights of an earlier model where the settings name one. The Tuner of a
    stage stands before it, and so after the encoder where the stage starts from it.
    """
    tuned = settings.tuning.stage if settings.tuning else ""
    begun = starts(settings, work, _data_key(settings, fingerprint))
    # KerasTuner looks for its trials by a pattern.
    plain = WorkDir(Path(without_patterns(str(work.root))))
    for stage in STAGES:
        inputs = _training_inputs(nodes, stage)
        config, search = {"experiment": stage_json(settings, stage)}, tuning_json(settings, stage)
        # Nothing where nothing is searched: such a training goes on where it was.
        data = _data_key(settings, fingerprint) + ([search] if search else [])
        start = begun.get(stage)
        if start:
            config["start_dir"] = str(start)
            data.append(digest_of(str(start)))
        name = f"{stage}-{digest(deciding_json(settings, stage), *data)}"
        if stage == tuned:
            tuning = {"tuning": search, "resume_dir": str(plain.training / f"tuning-{name}")}
            tuner = Tuner(tuner_fn=TUNER_FN, custom_config=config | tuning, **inputs)
            _add(nodes, tuner, TUNER)
            inputs["hyperparameters"] = tuner.outputs["best_hyperparameters"]
        training = {"stage": stage, "resume_dir": str(work.training / name)}
        trainer = tfx.components.Trainer(run_fn=RUN_FN, custom_config=config | training, **inputs)
        _add(nodes, trainer, f"Trainer.{stage}")


def add_judge(nodes: Nodes, settings: Settings, work: WorkDir, fingerprint: str) -> None:
    """Adds the training of an encoder that no generator knows, where the settings want one.

    A Trainer like the others, so that it is resumed, cached and traced as they are; it learns from
    the split that the settings name, and the other one serves for its held-out figures.
    """
    judge = settings.evaluation.judge
    if judge is None:
        return
    held_out = next(split for split in JUDGE_SPLITS if split != judge.learns_from)
    inputs = _training_inputs(nodes, "encoder") | {
        "train_args": tfx.proto.TrainArgs(splits=[judge.learns_from]),
        "eval_args": tfx.proto.EvalArgs(splits=[held_out]),
    }
    experiment = json.dumps(to_mapping(judge_experiment(settings, judge)), sort_keys=True)
    data = _data_key(settings, fingerprint)
    place = work.training / f"judge-{digest(experiment, judge.learns_from, *data)}"
    config = {"experiment": experiment, "stage": "encoder", "resume_dir": str(place)}
    trainer = tfx.components.Trainer(run_fn=RUN_FN, custom_config=config, **inputs)
    _add(nodes, trainer, JUDGE_NODE)


def _data_key(settings: Settings, fingerprint: str) -> list[Any]:
    """Returns what decides about the prepared data."""
    return [fingerprint, settings.source.path, asdict(settings.ingest), settings.schema]


def _training_inputs(nodes: Nodes, stage: str) -> dict[str, Any]:
    """Returns what a Tuner and a Trainer of `stage` are given alike."""
    transform = nodes["Transform"]
    return {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "train_args": tfx.proto.TrainArgs(splits=["train"]),
        "eval_args": tfx.proto.EvalArgs(splits=["val"]),
        "base_model": None if stage == "encoder" else trained_model(nodes, "encoder"),
    }


def add_earlier(nodes: Nodes, look_ups: LookUps) -> None:
    """Adds what looks up the data that each of the models may have forgotten."""
    for stage in STAGES:
        node = look_ups.earlier(nodes, stage)
        if node is None:
            raise UsageError(
                "thresholds: max_forgetting and max_forgetting_share need the pictures of earlier "
                "runs, which only metadata leads to; leave them out of a pipeline for a cluster"
            )
        _add(nodes, node, _earlier_node(stage))


def _earlier_node(stage: str) -> str:
    return f"LastBlessed.{stage}_data"


def add_judgement(nodes: Nodes, settings: Settings, work: WorkDir, force_bless: str) -> None:
    """Adds the judgement of the new models beside the ones that were blessed last."""
    earlier: dict[str, Channel | None] = {
        earlier_key(stage): nodes[_earlier_node(stage)].outputs[EXAMPLES]
        for stage in STAGES
        if _earlier_node(stage) in nodes
    }
    if earlier:
        earlier[EARLIER_JUDGE] = nodes[_earlier_node("generator")].outputs.get(JUDGE)
    evaluator = CrossModalEvaluator(
        examples=nodes["CaptionExampleGen"].outputs["examples"],
        settings=_evaluation(settings, work),
        thresholds=settings.thresholds,
        force_bless=force_bless,
        judge=nodes[JUDGE_NODE].outputs["model"] if JUDGE_NODE in nodes else None,
        **{stage: trained_model(nodes, stage) for stage in STAGES},
        **{baseline_key(stage): nodes[f"LastBlessed.{stage}"].outputs[MODEL] for stage in STAGES},
        **earlier,
    )
    _add(nodes, evaluator, EVALUATOR)


def add_pushing(nodes: Nodes, settings: Settings, work: WorkDir) -> None:
    """Adds the check in a fresh process, and the push of what passed it and the judgement."""
    for stage in STAGES:
        check = ServingCheck(
            model=trained_model(nodes, stage),
            examples=nodes["CaptionExampleGen"].outputs["examples"],
            model_name=stage,
            time_limit_seconds=settings.serving_check.time_limit_seconds,
            batch=settings.serving_check.batch,
            compressed=() if stage == "encoder" else settings.serving_check.compressed,
        )
        _add(nodes, check, f"ServingCheck.{stage}")
        destination = tfx.proto.PushDestination.Filesystem(base_directory=str(work.serving / stage))
        pusher = tfx.components.Pusher(
            model=trained_model(nodes, stage),
            model_blessing=nodes[EVALUATOR].outputs[blessing_key(stage)],
            infra_blessing=check.outputs["blessing"],
            push_destination=tfx.proto.PushDestination(filesystem=destination),
            custom_executor_spec=executor_spec.ExecutorClassSpec(PushExecutor),
        )
        _add(nodes, pusher, f"Pusher.{stage}")


def add_report(nodes: Nodes, settings: Settings, work: WorkDir, data_place: str) -> None:
    """Adds the page about everything before it."""
    outputs = {name: node.outputs for name, node in nodes.items()}
    inputs: dict[str, Any] = {
        "examples": outputs["CaptionExampleGen"]["examples"],
        "rejects": outputs["CaptionExampleGen"]["rejects"],
        "statistics": outputs["StatisticsGen"]["statistics"],
        "anomalies": outputs["ExampleValidator"]["anomalies"],
        "gate": outputs["DataGate"]["gate"],
        "evaluation": outputs[EVALUATOR]["evaluation"],
    }
    if TUNER in nodes:
        inputs[TUNING] = outputs[TUNER]["tuner_results"]
    for stage in STAGES:
        inputs[stage] = outputs[f"Trainer.{stage}"]["model"]
        inputs[run_key(stage)] = outputs[f"Trainer.{stage}"]["model_run"]
        inputs[serving_key(stage)] = outputs[f"ServingCheck.{stage}"]["report"]
        inputs[pushed_key(stage)] = outputs[f"Pusher.{stage}"]["pushed_model"]
    report = RunReport(
        settings.name,
        to_mapping(settings),
        work_dir=str(work.root),
        metadata_path=str(work.metadata),
        data_place=data_place,
        **inputs,
    )
    _add(nodes, report)


def _add(nodes: Nodes, node: BaseNode, name: str = "") -> BaseNode:
    """Adds `node` under `name`, or under the name of its class."""
    nodes[name or type(node).__name__] = node.with_id(name) if name else node
    return node


def _evaluation(settings: Settings, work: WorkDir) -> EvaluationSettings:
    """The evaluation's settings, with a place for features of real pictures if they name none."""
    chosen = settings.evaluation
    return replace(chosen, cache_dir=chosen.cache_dir or str(work.features))


def _schema_node(schema: str, statistics: Channel) -> BaseNode:
    if schema == INFERRED:
        return tfx.components.SchemaGen(statistics=statistics, exclude_splits=["val", "test"])
    path = SCHEMA_FILE if schema == CURATED else str(Path(schema).absolute())
    # The node would name neither file nor line.
    read_schema(Path(path))
    return tfx.components.ImportSchemaGen(schema_file=path)
