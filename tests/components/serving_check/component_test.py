"""The node's channels, and `Do` on real artefacts as the stock Pusher reads its result."""

import json
from pathlib import Path

import pytest
from tfx import types
from tfx.components.util import model_utils
from tfx.types import channel_utils, standard_artifacts

from components.artifacts import ServingCheckReport
from components.serving_check.component import ServingCheck
from components.serving_check.executor import Executor


def channel(kind):
    return channel_utils.as_channel([kind()])


def node(**changes):
    arguments = {"model_name": "captioner"} | changes
    return ServingCheck(
        model=channel(standard_artifacts.Model),
        examples=channel(standard_artifacts.Examples),
        **arguments,
    )


def test_channels_and_properties():
    check = node(time_limit_seconds=9.0, compressed=("int8",))
    assert check.outputs["blessing"].type is standard_artifacts.InfraBlessing
    assert check.outputs["report"].type is ServingCheckReport
    assert check.exec_properties["model_name"] == "captioner"
    assert check.exec_properties["time_limit_seconds"] == 9.0
    assert check.exec_properties["compressed"] == '["int8"]'


@pytest.mark.parametrize(("key", "value"), [("model_name", "painter"), ("batch", 1)])
def test_wrong_property_fails_when_the_graph_is_built(key, value):
    with pytest.raises(ValueError, match=str(value)):
        node(**{key: value})


def run(tmp_path, model_uri, examples_uri, **changes):
    def artefact(kind, uri):
        made = kind()
        made.uri = str(uri)
        return made

    examples = artefact(standard_artifacts.Examples, examples_uri)
    examples.split_names = json.dumps(["train", "val", "test"])
    inputs: dict[str, list[types.Artifact]] = {
        "model": [artefact(standard_artifacts.Model, model_uri)],
        "examples": [examples],
    }
    outputs = {
        "blessing": [artefact(standard_artifacts.InfraBlessing, tmp_path / "blessing")],
        "report": [artefact(ServingCheckReport, tmp_path / "report")],
    }
    properties = {"model_name": "captioner", "time_limit_seconds": 120.0, "batch": 3}
    properties |= {"compressed": "[]"} | changes
    Executor().Do(inputs, outputs, properties)
    report = json.loads(Path(tmp_path, "report", "report.json").read_text())
    return outputs["blessing"][0], report


def test_sound_model_is_blessed_for_the_pusher(tmp_path, model_uri, examples_uri):
    blessing, report = run(tmp_path, model_uri("captioner"), examples_uri)
    assert report["problems"] == []
    assert model_utils.is_infra_validated(blessing)
    assert Path(blessing.uri, "INFRA_BLESSED").read_text().startswith("Blessed: ")
    assert report["latencies"][0]["signature"] == "serving_default"
    assert report["import_seconds"] > 0.1
    assert 50 < report["peak_rss_mib"] < 4000


def test_refused_model_is_held_back_with_the_reason(tmp_path, model_uri, examples_uri):
    changes = {"time_limit_seconds": 0.2}
    blessing, report = run(tmp_path, model_uri("captioner"), examples_uri, **changes)
    assert not model_utils.is_infra_validated(blessing)
    assert Path(blessing.uri, "INFRA_NOT_BLESSED").read_text().strip() == report["sentence"]
    assert blessing.get_string_custom_property("blessing_message") == report["sentence"]
    assert "no end after 0.2 s" in report["sentence"]


def test_a_needed_compressed_model_that_is_missing_holds_the_model_back(
    tmp_path, model_uri, examples_uri
):
    blessing, report = run(tmp_path, model_uri("captioner"), examples_uri, compressed='["int8"]')
    assert not model_utils.is_infra_validated(blessing)
    assert report["problems"] == ["LiteRT int8: it is missing"]
