"""Executor of RunReport: collects the outputs of the other nodes and writes the page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifact_files import read_examples
from components.cross_modal_evaluator.assessment import FORGETTING_FILE, VERDICTS_FILE
from components.last_blessed import kept_data
from components.run_report import execution, model_cards, pictures
from components.run_report.comparison import previous_run
from components.run_report.execution import node_times
from components.run_report.facts import (
    copy_facts,
    stage_facts,
    tuning_facts,
    with_anomalies,
    with_decision,
    with_rejects,
    with_statistics,
)
from components.run_report.pages import render
from components.run_report.pictures import walk
from components.run_report.report_data import (
    CopyFacts,
    DataFacts,
    Described,
    Painted,
    Previous,
    PushFacts,
    ReportData,
    Walk,
)
from data.base import files
from trainer.config import STAGES
from trainer.evaluation.record import FILE as METRICS_FILE

NAME = "name"
CONFIG = "config"
WORK_DIR = "work_dir"
METADATA = "metadata_path"
DATA_PLACE = "data_place"
REPORT = "report"

EXAMPLES = "examples"
STATISTICS = "statistics"
ANOMALIES = "anomalies"
REJECTS = "rejects"
GATE = "gate"
EVALUATION = "evaluation"
TUNING = "tuning"

# The standard Pusher's property with the destination of the model.
PUSHED_TO = "pushed_destination"

PAGE_FILE = "index.html"
DATA_FILE = "report.json"
# Destinations, in a work directory, of the copies of the artefact's files.
COPIES = {
    PAGE_FILE: f"report/{PAGE_FILE}",
    DATA_FILE: f"report/{DATA_FILE}",
    METRICS_FILE: METRICS_FILE,
}

Artifacts = dict[str, list[types.Artifact]]
T = TypeVar("T")


def run_key(stage: str) -> str:
    """The input with the logs of a training."""
    return f"{stage}_run"


def serving_key(stage: str) -> str:
    """The input with ServingCheck's report."""
    return f"{stage}_serving"


def pushed_key(stage: str) -> str:
    """The input with the Pusher's output."""
    return f"{stage}_pushed"


class Executor(base_executor.BaseExecutor):
    """Writes `index.html` and `report.json`, and copies for the user in the work directory."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Collects all existing parts; a part that cannot be read is logged and left out."""
        self._log_startup(input_dict, output_dict, exec_properties)
        uri = artifact_utils.get_single_uri(output_dict[REPORT])
        report = collect(input_dict, exec_properties, previous_run(uri, DATA_FILE))
        texts = {
            PAGE_FILE: render(report),
            DATA_FILE: report.to_json(),
            METRICS_FILE: figures(report),
        }
        for name, text in texts.items():
            files.write_whole(f"{uri}/{name}", text.encode("utf-8"))
        if exec_properties[WORK_DIR]:
            copy(uri, exec_properties[WORK_DIR])
        for stage in STAGES:
            for artifact in input_dict.get(pushed_key(stage)) or []:
                place = artifact.get_string_custom_property(PUSHED_TO)
                if place:
                    model_cards.complete(place, report, stage)
        if exec_properties[DATA_PLACE] and any(one.pushed for one in report.pushed):
            kept_data.keep(
                exec_properties[DATA_PLACE],
                artifact_utils.get_single_uri(input_dict[STATISTICS]),
                artifact_utils.get_single_uri(input_dict[GATE]),
            )
        for verdict in report.verdicts:
            logging.info("%s: %s", verdict["model"].capitalize(), verdict["sentence"])


def copy(uri: str, work: str) -> None:
    """Copies the files of a report at `uri` to the work directory `work`."""
    for name, place in COPIES.items():
        if files.is_file(f"{uri}/{name}"):
            files.write_whole(f"{work}/{place}", files.read(f"{uri}/{name}"))


def collect(
    inputs: Artifacts, properties: dict[str, Any], previous: Previous | None = None
) -> ReportData:
    """Returns the content of the page from the input artefacts."""
    evaluation = _evaluation(inputs)
    painted, walks, described = _pictures(inputs)
    config = json.loads(properties[CONFIG])
    return ReportData(
        name=properties[NAME],
        made=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        data=_data(inputs),
        tuning=tuning_facts(inputs[TUNING][0].uri, config) if inputs.get(TUNING) else None,
        stages=tuple(
            stage_facts(stage, inputs[run_key(stage)][0].uri)
            for stage in STAGES
            if inputs.get(run_key(stage))
        ),
        metrics=tuple(evaluation["metrics"]),
        skipped=evaluation["skipped"],
        labels=tuple(evaluation["labels"]),
        reliability=tuple(evaluation["reliability"]),
        verdicts=tuple(evaluation["verdicts"]),
        forgetting=tuple(evaluation["forgetting"]),
        painted=painted,
        walks=walks,
        described=described,
        copies=_copies(inputs, evaluation["audit"]),
        serving=_serving(inputs),
        pushed=tuple(_push(inputs, stage) for stage in STAGES if inputs.get(pushed_key(stage))),
        timings=node_times(properties[METADATA]),
        versions=execution.versions(),
        hardware=execution.hardware(),
        config=config,
        previous=previous,
    )


def figures(report: ReportData) -> str:
    """Returns the run's metrics and verdicts as JSON text."""
    record = {
        "name": report.name,
        "made": report.made,
        "verdicts": report.verdicts,
        "metrics": report.metrics,
        "forgetting": report.forgetting,
        "labels": report.labels,
        "skipped": report.skipped,
    }
    return json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)


def _evaluation(inputs: Artifacts) -> dict[str, Any]:
    # A cached evaluation of an earlier version may lack newer parts.
    nothing: dict[str, Any] = {
        "metrics": [],
        "skipped": {},
        "labels": [],
        "reliability": [],
        "audit": None,
        "verdicts": [],
        "forgetting": [],
    }
    for artifact in inputs.get(EVALUATION) or []:
        verdicts = {"verdicts": _json(artifact, VERDICTS_FILE)}
        if files.is_file(f"{artifact.uri}/{FORGETTING_FILE}"):
            verdicts["forgetting"] = _json(artifact, FORGETTING_FILE)
        return nothing | _json(artifact, METRICS_FILE) | verdicts
    return nothing


def _copies(inputs: Artifacts, audit: dict[str, Any] | None) -> CopyFacts | None:
    return copy_facts(inputs[EVALUATION][0].uri, audit) if audit else None


def _data(inputs: Artifacts) -> DataFacts:
    facts = DataFacts()
    for key, add in (
        (STATISTICS, with_statistics),
        (ANOMALIES, with_anomalies),
        (REJECTS, with_rejects),
        (GATE, with_decision),
    ):
        for artifact in inputs.get(key) or []:
            facts = add(facts, artifact.uri)
    return facts


def _pictures(
    inputs: Artifacts,
) -> tuple[tuple[Painted, ...], tuple[Walk, ...], tuple[Described, ...]]:
    if not inputs.get(EXAMPLES):
        return (), (), ()
    test = list(read_examples(artifact_utils.get_split_uri(inputs[EXAMPLES], "test")))
    models = {
        stage: path_utils.serving_model_path(inputs[stage][0].uri)
        for stage in STAGES
        if inputs.get(stage)
    }
    painted: tuple[Painted, ...] = ()
    walks: tuple[Walk, ...] = ()
    described: tuple[Described, ...] = ()
    if "generator" in models:
        chosen = pictures.spread(test, pictures.PROMPTS)
        painted = _or_nothing(lambda: pictures.paint(models["generator"], chosen))
        walks = _or_nothing(lambda: walk(models["generator"], chosen))
    if "captioner" in models and "encoder" in models:
        shown = pictures.spread(test, pictures.DESCRIBED)
        described = _or_nothing(
            lambda: pictures.describe(models["captioner"], models["encoder"], shown)
        )
    return painted, walks, described


def _or_nothing(make: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
    """Returns the pictures, or () if they fail: a broken model must not prevent the report."""
    try:
        return make()
    except (KeyError, OSError, TypeError, ValueError, tf.errors.OpError) as error:
        logging.warning("A model gave no pictures for the report: %s", error)
        return ()


def _serving(inputs: Artifacts) -> tuple[Any, ...]:
    return tuple(
        _json(inputs[serving_key(stage)][0], "report.json")
        for stage in STAGES
        if inputs.get(serving_key(stage))
    )


def _push(inputs: Artifacts, stage: str) -> PushFacts:
    artifact = inputs[pushed_key(stage)][0]
    return PushFacts(
        stage,
        bool(artifact.get_int_custom_property("pushed")),
        artifact.get_string_custom_property("pushed_version") or "",
    )


def _json(artifact: types.Artifact, name: str) -> Any:
    return json.loads(files.read(f"{artifact.uri}/{name}").decode("utf-8"))
