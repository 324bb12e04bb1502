"""The compiled pipeline beside the local run: the same models, figures and metadata.

Takes some seven minutes on two idle cores, most of it the import of TFX in each of twenty
processes; so it is left out unless asked for: `make test-cluster`.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf
from google.protobuf import json_format

from components.metadata import opened, pb
from tests.e2e.commands import environment, tuwen
from trainer.config import STAGES

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

VICTIM = "Trainer.encoder"
# What runners note beside what executors say, and what names a place, a time or a number.
BOOKKEEPING = {"name", "state", "pipeline_name", "producer_component", "is_external"}
PLACES = {"current_model", "current_model_id", "pushed_destination", "pushed_version"}
PLACES |= {"blessing_message"}


def start(directory, *arguments):
    """Starts one command in a fresh process."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def process_of(node, parent):
    """Returns the process of a node below `parent`, or None."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            status = (path.parent / "status").read_text()
        except OSError:
            continue
        ours = re.search(r"^PPid:\s+(\d+)$", status, re.MULTILINE)
        if node.encode() in words and ours and int(ours[1]) == parent:
            return int(path.parent.name)
    return None


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Directory of a local run and of a dry run that lost a node to SIGKILL, and what that said."""
    folder = tmp_path_factory.mktemp("cluster")
    tuwen(folder, "run", "demo", "--smoke", "--work", "local")
    wishes = ("--image", "tuwen:test", "--store", "gs://nowhere/tuwen", "-o", "pipeline.yaml")
    tuwen(folder, "compile", "demo", "--smoke", *wishes)
    command = ("dry-run", "pipeline.yaml", "--work", "dry", "--parallel", "2")
    first = start(folder, *command)
    while (victim := process_of(VICTIM, first.pid)) is None:
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.2)
    os.kill(victim, signal.SIGKILL)
    stopped, _ = first.communicate()
    assert first.returncode == 1
    return folder / "local", folder / "dry", stopped, tuwen(folder, *command)


def outcomes(said):
    return dict(re.findall(r"^\[ *\d+/22\] (\S+) +(ran|kept|failed) ", said, re.MULTILINE))


def test_a_killed_node_stops_the_run_and_the_next_goes_on_there(runs):
    _, _, stopped, resumed = runs
    assert "trainer-encoder stopped the run: it was killed by SIGKILL" in stopped
    assert "logs/trainer-encoder.log" in stopped
    before, after = outcomes(stopped), outcomes(resumed)
    assert before.pop("trainer-encoder") == "failed"
    assert len(after) == 22
    assert {name for name, one in after.items() if one == "kept"} == set(before)
    assert {"transform", "data-gate"} <= set(before)


def pushed(run, stage):
    (version,) = (run / "serving" / stage).iterdir()
    return version


@pytest.mark.parametrize("stage", STAGES)
def test_the_same_models_are_pushed(runs, stage):
    local, dry = (pushed(run, stage) for run in runs[:2])
    weights = "variables/variables.data-00000-of-00001"
    assert (local / weights).read_bytes() == (dry / weights).read_bytes()
    prints = [tf.saved_model.experimental.read_fingerprint(str(one)) for one in (local, dry)]
    for name in ("signature_def_hash", "saved_object_graph_hash", "checkpoint_hash"):
        assert getattr(prints[0], name) == getattr(prints[1], name), name


def figures(told):
    """The figures without the judge's fingerprint: equal weights are in other files each time."""
    return [
        {**metric, "extractor": str(metric["extractor"]).partition(":")[0]}
        for metric in told["metrics"]
    ]


def test_the_same_figures_and_verdicts_are_told(runs):
    local, dry = (json.loads((run / "metrics.json").read_text("utf-8")) for run in runs[:2])
    assert figures(local) == figures(dry)
    assert local["verdicts"] == dry["verdicts"]
    assert all(verdict["blessed"] for verdict in dry["verdicts"])
    page = (runs[1] / "report/index.html").read_text(encoding="utf-8")
    assert all(f"{stage}" in page for stage in STAGES)


def metadata(run):
    """Returns, for each node, the artefacts of its execution and what executors said of them."""
    store = opened(str(run / "metadata.db"))
    kinds = {kind.id: kind.name for kind in store.get_artifact_types()}
    found = {}
    for context in store.get_contexts_by_type("node"):
        name = context.name.partition(".")[2]
        (execution,) = (
            one
            for one in store.get_executions_by_context(context.id)
            if one.last_known_state == pb.Execution.COMPLETE
        )
        events = store.get_events_by_execution_ids([execution.id])
        by_id = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in events])}
        found[name] = {
            (pb.Event.Type.Name(event.type), event.path.steps[0].key): (
                kinds[by_id[event.artifact_id].type_id],
                said(by_id[event.artifact_id]),
            )
            for event in events
        }
    return found


def said(artifact):
    """Returns what an executor said of an artefact; numbers as floats, as Kubeflow keeps them."""
    values = {**artifact.properties, **artifact.custom_properties}
    return {
        key.removeprefix("custom:"): plain(value)
        for key, value in values.items()
        if key not in BOOKKEEPING | PLACES
    }


def plain(value):
    kind = value.WhichOneof("value")
    if kind == "struct_value":
        fields = json_format.MessageToDict(value.struct_value)
        return fields.get("__value__", fields)
    found = getattr(value, kind)
    return found if isinstance(found, str) else float(found)


def test_the_same_metadata_are_recorded(runs):
    local, dry = (metadata(run) for run in runs[:2])
    assert set(local) == set(dry)
    # A resolver makes no artefact, LastBlessed does.
    for name in (*STAGES, "data"):
        local.pop(f"LastBlessed.{name}")
        dry.pop(f"LastBlessed.{name}")
    for stage in STAGES:
        dry["CrossModalEvaluator"].pop(("INPUT", f"baseline_{stage}"))
    for key in ("last_statistics", "last_gate"):
        dry["DataGate"].pop(("INPUT", key))
    for name, artifacts in local.items():
        assert dry[name] == artifacts, name
