"""The node's channels, and `Do` on small real artefacts, whole and with most of them missing."""

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.types import channel_utils, standard_artifacts

from components.artifacts import DataDecision, RejectedRows, RunReportPage, ServingCheckReport
from components.cross_modal_evaluator.verdicts import judge
from components.metadata import CREATE, opened, pb
from components.run_report.component import RunReport
from components.run_report.execution import directory_fingerprint, node_times
from components.run_report.executor import Executor
from components.run_report.report_data import NodeTime, ReportData
from trainer.config import STAGES
from trainer.metrics.result import LabelFigure, Metric
from trainer.settings_loader import to_mapping
from trainer.trials import FINISHED, Trial, write_table
from trainer.tuning_settings import Knob, TuningSettings

METRIC = Metric("agreement", 0.9, None, None, 5, "test", 0, None, None, True, "A protocol.")

FORGOTTEN = {"model": "encoder", "before": METRIC.to_json(), "after": METRIC.to_json()}
BAR = {"low": 0.0, "high": 0.1, "count": 5, "score": 0.05, "frequency": 0.2}
PAIR = {
    "caption": "a twin",
    "png": "samples/own.png",
    "training_id": "t",
    "training_caption": "a model",
    "training_png": "samples/theirs.png",
    "distance": 1.0,
    "ratio": 0.1,
}
AUDIT = {"threshold": 0.3, "generated": [PAIR], "held_out": [], "generated_distances": [1.0, 2.0],
         "held_out_distances": [2.0, 3.0]}  # fmt: skip
LABEL = asdict(LabelFigure("word:dog", 3, 0.5, 0.5, 0.5, 0.4, 0.3))


def channel(kind):
    return channel_utils.as_channel([kind()])


def test_channels_and_properties():
    node = RunReport(
        "scenes",
        {"b": 1, "a": "图"},
        evaluation=channel(standard_artifacts.ModelEvaluation),
        encoder_serving=channel(ServingCheckReport),
    )
    assert node.outputs["report"].type is RunReportPage
    assert set(node.inputs) == {"evaluation", "encoder_serving"}
    assert node.exec_properties["config"] == '{"a": "图", "b": 1}'


def test_unknown_input_is_an_error():
    with pytest.raises(TypeError, match="encoder_blessing"):
        RunReport("x", {}, encoder_blessing=channel(standard_artifacts.ModelBlessing))


def artefact(kind, uri):
    made = kind()
    made.uri = str(uri)
    return made


def written(directory, contents):
    for name, content in contents.items():
        path = Path(directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return directory


def statistics():
    found = statistics_pb2.DatasetFeatureStatisticsList()
    split = found.datasets.add(num_examples=10)
    height = split.features.add()
    height.path.step.append("image/height")
    height.num_stats.common_stats.num_non_missing = 10
    height.num_stats.min, height.num_stats.median, height.num_stats.max = 8, 16, 32
    return found.SerializeToString()


def anomalies():
    found = anomalies_pb2.Anomalies()
    found.anomaly_info["caption/text"].description = "too few values"
    return found.SerializeToString()


@pytest.fixture
def inputs(tmp_path, model_uri, examples_uri):
    def put(kind, name, contents):
        return [artefact(kind, written(tmp_path / name, contents))]

    examples = artefact(standard_artifacts.Examples, examples_uri)
    examples.split_names = json.dumps(["train", "val", "test"])
    made = {stage: [artefact(standard_artifacts.Model, model_uri(stage))] for stage in STAGES}
    verdicts = [verdict.to_json() for verdict in judge([METRIC], {}, {}).values()]
    pushed = artefact(standard_artifacts.PushedModel, tmp_path)
    pushed.set_int_custom_property("pushed", 1)
    pushed.set_string_custom_property("pushed_version", "17")
    pushed.set_string_custom_property("pushed_destination", str(tmp_path / "served"))
    written(tmp_path / "served", {"assets.extra/tuwen/model_card.md": b"# Card\n"})
    summary = {
        "description": "Ten squares.",
        "pictures": {"train": 10},
        "captions": {"en": 10},
        "rejects": {"missing_file": 2},
        "files": {"read": 11, "rejected": 2, "linked folder": 1},
        "dropped_captions": {},
        "mended": {},
    }
    serving = {"model": "encoder", "blessed": True, "sentence": "S."}
    serving |= {"problems": [], "latencies": []}
    finding = {"check": "c", "stops": False, "what": "Few words", "remedy": "Write more."}
    decision = {"verdict": "pass", "findings": [finding], "figures": {}}
    progress = {"step": 1, "images": 8, "a": 1.0}
    metrics = {
        "metrics.json": {
            "metrics": [METRIC.to_json()],
            "skipped": {},
            "labels": [LABEL],
            "reliability": [BAR],
            "audit": AUDIT,
        },
        "verdicts.json": verdicts,
        "forgetting.json": [FORGOTTEN],
        "samples/own.png": b"own",
        "samples/theirs.png": b"theirs",
    }
    kinds = standard_artifacts
    return made | {
        "examples": [examples],
        "statistics": put(
            kinds.ExampleStatistics, "s", {"Split-train/FeatureStats.pb": statistics()}
        ),
        "anomalies": put(kinds.ExampleAnomalies, "a", {"Split-test/SchemaDiff.pb": anomalies()}),
        "rejects": put(RejectedRows, "r", {"summary.json": summary}),
        "gate": put(DataDecision, "g", {"decision.json": decision}),
        "evaluation": put(kinds.ModelEvaluation, "e", metrics),
        "encoder_run": put(kinds.ModelRun, "run", {"progress.jsonl": progress}),
        "encoder_serving": put(ServingCheckReport, "c", {"report.json": serving}),
        "captioner_pushed": [pushed],
    }


def run(tmp_path, inputs, name="page", **changes):
    page = artefact(RunReportPage, tmp_path / name)
    properties = {"name": "squares", "config": "{}", "work_dir": "", "metadata_path": ""}
    properties["data_place"] = ""
    Executor().Do(inputs, {"report": [page]}, properties | changes)
    content = Path(page.uri, "report.json").read_text()
    return Path(page.uri, "index.html").read_text(), ReportData.from_json(content)


def test_data_of_a_run_that_pushed_are_kept_for_the_next(tmp_path, inputs):
    place = tmp_path / "last_data"
    run(tmp_path, inputs, data_place=str(place))
    (name,) = json.loads((place / "last.json").read_text())["newest_first"]
    assert (place / name / "statistics/Split-train/FeatureStats.pb").read_bytes() == statistics()
    assert (place / name / "gate/decision.json").is_file()
    for stage in STAGES:
        for one in inputs.get(f"{stage}_pushed", ()):
            one.set_int_custom_property("pushed", 0)
    run(tmp_path, inputs, name="again", data_place=str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_page_of_a_whole_run(tmp_path, inputs):
    work = tmp_path / "work"
    html, report = run(tmp_path, inputs, work_dir=str(work))
    assert report.data.source == "Ten squares."
    assert report.data.rejects == {"missing_file": 2}
    assert report.data.files == {"read": 11, "rejected": 2, "linked folder": 1}
    assert report.data.splits[0].height == (8.0, 16.0, 32.0)
    assert report.data.anomalies == ("caption/text in test: too few values",)
    assert report.data.gate.sentence == "1 finding; nothing stops the run."
    assert report.data.gate.findings == ("Few words. Write more.",)
    assert report.stages[0].curves[0].name == "a"
    assert len(report.painted) == 8
    assert [item.kind for item in report.walks] == ["noise", "noise", "captions", "captions"]
    assert report.copies.threshold == 0.3 and report.copies.generated[0].caption == "a twin"
    assert report.reliability[0]["count"] == 5
    assert report.previous is None
    assert report.described[0].words
    assert [(push.model, push.version) for push in report.pushed] == [("captioner", "17")]
    assert report.versions["tfx"]
    assert (work / "report" / "index.html").read_text() == html
    assert ReportData.from_json((work / "report" / "report.json").read_text()) == report
    card = Path(tmp_path, "served/assets.extra/tuwen/model_card.md").read_text()
    assert card.startswith("# Card\n") and "no threshold is configured for the captioner" in card
    figures = json.loads((work / "metrics.json").read_text())
    assert figures["labels"] == [LABEL] and LABEL["name"] in html
    assert figures["metrics"][0]["value"] == 0.9
    assert [verdict["model"] for verdict in figures["verdicts"]] == list(STAGES)
    assert not list(work.rglob("*.tmp"))


def test_the_second_run_is_told_against_the_first(tmp_path):
    evaluation = {"metrics": [METRIC.to_json()], "skipped": {}}
    contents = {"metrics.json": evaluation, "verdicts.json": []}
    place = written(tmp_path / "e", contents)
    inputs = {"evaluation": [artefact(standard_artifacts.ModelEvaluation, place)]}
    _, first = run(tmp_path, inputs, "report/7", config='{"a": 1}')
    html, second = run(tmp_path, inputs, "report/12", config='{"a": 2}')
    assert first.previous is None
    assert second.previous.config == {"a": 1}
    assert second.previous.metrics == first.metrics
    assert "Against the last run" in html


def test_page_of_a_run_that_left_almost_nothing(tmp_path):
    html, report = run(tmp_path, {})
    assert "not judged" in html
    assert report.stages == ()


def test_a_search_is_read_from_the_tuners_results(tmp_path):
    row = Trial(1, {"encoder.width": 8}, "f1_micro", "max", 0.5, 2, 1.0, FINISHED)
    write_table([row], tmp_path / "trials.jsonl")
    space = TuningSettings("encoder", {"encoder.width": Knob(4, 8)})
    inputs = {"tuning": [artefact(standard_artifacts.TunerResults, tmp_path)]}
    html, report = run(tmp_path, inputs, config=json.dumps({"tuning": to_mapping(space)}))
    assert report.tuning.trials[0]["figure"] == 0.5
    assert "1 trial for the encoder; the best f1 micro is 0.5" in html


def test_broken_model_does_not_keep_the_report_away(tmp_path, inputs):
    inputs["generator"] = [artefact(standard_artifacts.Model, tmp_path / "nothing")]
    html, report = run(tmp_path, inputs)
    assert report.painted == ()
    assert report.described
    assert "holds no generated pictures" in html


def test_node_times_come_from_the_metadata(tmp_path):
    database = str(tmp_path / "metadata.db")
    store = opened(database, CREATE)
    node = store.put_context_type(pb.ContextType(name="node"))
    kind = store.put_execution_type(pb.ExecutionType(name="a type"))
    states = pb.Execution
    for name, state in (
        ("Transform", states.COMPLETE),
        ("Trainer", states.FAILED),
        ("Transform", states.CACHED),
        ("DataGate", states.COMPLETE),
        ("RunReport", states.RUNNING),
    ):
        context = pb.Context(name=f"scenes.{name}", type_id=node)
        execution = states(type_id=kind, last_known_state=state)
        store.put_execution(execution, [], [context], reuse_context_if_already_exist=True)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE Execution SET last_update_time_since_epoch = "
                           "create_time_since_epoch + 1500 * id")  # fmt: skip
    assert node_times(database) == (
        NodeTime("Transform", 1.5, cached=True),
        NodeTime("DataGate", 6.0),
    )
    item = store.put_artifact_type(pb.ArtifactType(name="Examples"))
    made = pb.Artifact(type_id=item, uri=str(written(tmp_path / "x", {"f": 1})))
    named = pb.Artifact(type_id=item, uri=str(tmp_path / "y"))
    named.custom_properties["input_fingerprint"].string_value = "of the source"
    ids = store.put_artifacts([made, named])
    events = pb.Event
    store.put_events(
        [
            events(artifact_id=ids[0], execution_id=3, type=events.OUTPUT),
            events(artifact_id=ids[1], execution_id=3, type=events.OUTPUT),
            events(artifact_id=ids[0], execution_id=4, type=events.INPUT),
        ]
    )
    transform, gate = node_times(database)
    assert [(made.kind, made.number, made.uri) for made in transform.outputs] == [
        ("Examples", ids[0], "x"),
        ("Examples", ids[1], "y"),
    ]
    assert transform.outputs[0].fingerprint == directory_fingerprint(str(tmp_path / "x"))
    assert transform.outputs[1].fingerprint == "of the source"
    assert gate.inputs == (f"Examples {ids[0]}",)
    assert node_times("") == node_times(str(tmp_path / "none.db")) == ()
