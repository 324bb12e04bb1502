"""Work directories as runs leave them, without the runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

from components.cross_modal_evaluator.thresholds import read_thresholds
from components.cross_modal_evaluator.verdicts import judge
from components.metadata import CREATE, opened, pb
from pipeline import settings as settings_file
from pipeline.work_dir import MODELS, WorkDir
from trainer.metrics.result import Metric

STARTED, ENDED = 1000, 2000


def start(root, *, config="demo", **load):
    """A run that has written its settings, and no more."""
    work = WorkDir(Path(root))
    settings_file.save(settings_file.load(config, **load), work.settings)
    os.utime(work.settings, (STARTED, STARTED))
    return work


def finish(work, refused=(), figures=("pixel_agreement",), faults=None):
    """Ends a run: `refused` models miss a threshold for each of `figures`, the others are pushed.

    A model that does not load is named in `faults` too.
    """
    metrics = [
        Metric(name, 0.25, 0.2, 0.3, 9, "test", 0, None, None, True, "P") for name in figures
    ]
    for number, model in enumerate(MODELS):
        trained(work, model, number + 1)
        asked = {name: {"model": model, "min": 0.5} for name in figures if model in refused}
        verdict = judge(metrics, read_thresholds(asked), {}, faults=faults)[model]
        record = json.loads(work.metrics.read_text()) if number else {"metrics": [], "verdicts": []}
        record["verdicts"].append(verdict.to_json())
        work.metrics.write_text(json.dumps(record), encoding="utf-8")
        if verdict.blessed:
            push(work, model)
    work.metadata.touch()
    for file in (work.metrics, work.metadata):
        os.utime(file, (ENDED, ENDED))
    return work


def push(work, model, version=1500):
    return save_model(work.serving / model / str(version))


def trained(work, model, execution):
    node = work.pipeline_root / f"Trainer.{model}" / "model"
    return save_model(node / str(execution) / "Format-Serving")


def save_model(directory):
    directory = Path(directory)
    directory.mkdir(parents=True)
    (directory / "saved_model.pb").touch()
    return directory


def check_fails(work, model, sentence="Refused: it does not answer."):
    """Has ServingCheck refuse a model."""
    report = work.pipeline_root / f"ServingCheck.{model}/report/5/report.json"
    report.parent.mkdir(parents=True)
    report.write_text(json.dumps({"blessed": False, "sentence": sentence}), encoding="utf-8")


def record_trainings(work, pipeline, model, *executions):
    """Writes to the metadata that runs took their model from these, one run after the other.

    One more run follows, which failed before it had a model.
    """
    work.metadata.unlink()
    store = opened(str(work.metadata), CREATE)
    artifact_type = store.put_artifact_type(pb.ArtifactType(name="Model"))
    execution_type = store.put_execution_type(pb.ExecutionType(name="Trainer"))
    context_type = store.put_context_type(pb.ContextType(name="node"))
    node = pb.Context(type_id=context_type, name=f"{pipeline}.Trainer.{model}")
    states = [pb.Execution.CACHED] * len(executions) + [pb.Execution.FAILED]
    for number, state in zip((*executions, None), states, strict=True):
        uri = str(work.pipeline_root / f"Trainer.{model}" / "model" / str(number))
        output = pb.Artifact(type_id=artifact_type, uri=uri), pb.Event(type=pb.Event.OUTPUT)
        store.put_execution(
            pb.Execution(type_id=execution_type, last_known_state=state),
            [output] if number else [],
            [node],
            reuse_context_if_already_exist=True,
        )
