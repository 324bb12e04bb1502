"""What a container makes of its executor input: artefacts, parameters, places, and its answer."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts
from tfx.utils import json_utils

from components.artifacts import DataDecision
from pipeline.cluster import artefacts, container
from pipeline.errors import UsageError

INTERFACE = {"inputs": {"examples": "tfx.Examples"}, "outputs": {"gate": "tuwen.DataDecision"}}
INTERFACE["integers"] = ["batch"]


class Echo(base_executor.BaseExecutor):
    """Writes what it was given."""

    def Do(self, input_dict, output_dict, exec_properties):
        (examples,), (gate,) = input_dict["examples"], output_dict["gate"]
        if exec_properties["batch"] == 13:
            raise ValueError("13 is too many")
        said = {
            "text": Path(examples.uri, "text").read_text(),
            "splits": examples.split_names,
            "span": examples.span,
            "id": examples.id,
            "properties": exec_properties,
            "temporary": self._get_tmp_dir(),
        }
        Path(gate.uri, "said.json").write_text(json.dumps(said))
        gate.set_int_custom_property("passed", 1)
        gate.set_string_custom_property("examples", examples.uri)


def arguments(folder, source, target, way="launcher", batch=8.0):
    given = {
        "inputs": {
            "artifacts": {
                "examples": {
                    "artifacts": [
                        {
                            "name": "7",
                            "uri": source,
                            "metadata": {"split_names": '["train"]', "span": 3.0, "n": 2.0},
                        }
                    ]
                }
            },
            "parameterValues": {
                "batch": batch,
                "serving": "/@store@/serving",
                "store": "/s",
                "image": "tuwen:1",
            },
        },
        "outputs": {
            "artifacts": {"gate": {"artifacts": [{"name": "9", "uri": target}]}},
            "outputFile": f"{folder}/kfp_outputs/output_metadata.json",
        },
    }
    words = ["--node", "Echo", "--executor", f"{__name__}.Echo", "--artifacts", way]
    return [*words, "--interface", json.dumps(INTERFACE), "--executor_input", json.dumps(given)]


def answer(folder):
    text = (folder / "kfp_outputs/output_metadata.json").read_text()
    return json.loads(text)["artifacts"]["gate"]["artifacts"][0]


@pytest.fixture(autouse=True)
def _found(monkeypatch):
    """TFX imports an executor by its dotted path."""
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())
    monkeypatch.setattr(sys, "argv", sys.argv[:])


def _this():
    import types

    module = types.ModuleType(__name__)
    module.Echo = Echo
    return module


def test_an_executor_is_fed_and_its_answer_written(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "text").write_text("hello")
    assert container.main(arguments(tmp_path, str(source), str(target))) == 0
    said = json.loads((target / "said.json").read_text())
    assert (said["text"], said["splits"], said["span"], said["id"]) == ("hello", '["train"]', 3, 7)
    assert said["properties"] == {"batch": 8, "serving": "/s/serving"}
    assert type(said["properties"]["batch"]) is int
    found = answer(tmp_path)
    assert (found["name"], found["uri"]) == ("9", str(target))
    assert found["metadata"]["passed"] == 1
    assert found["metadata"]["examples"] == str(source)
    assert found["metadata"]["tfx_version"]


def test_a_failure_is_a_status_and_a_line(tmp_path, capsys):
    given = arguments(tmp_path, str(tmp_path), str(tmp_path / "out"), batch=13)
    (tmp_path / "text").write_text("")
    assert container.main(given) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "Echo failed: ValueError: 13 is too many"
    assert not (tmp_path / "kfp_outputs").exists()


def test_the_launchers_mirrors_are_used_and_metadata_keep_uris(tmp_path, monkeypatch):
    monkeypatch.setattr(artefacts, "MIRROR_ROOT", str(tmp_path))
    mirrored = tmp_path / "minio/bucket/in"
    mirrored.mkdir(parents=True)
    (mirrored / "text").write_text("mirrored")
    given = arguments(tmp_path, "minio://bucket/in", "minio://bucket/run/out")
    assert container.main(given) == 0
    said = json.loads((tmp_path / "minio/bucket/run/out/said.json").read_text())
    assert said["text"] == "mirrored"
    found = answer(tmp_path)
    assert found["uri"] == "minio://bucket/run/out"
    assert found["metadata"]["examples"] == "minio://bucket/in"


def test_without_a_launcher_files_are_copied_through_gfile(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made/text").write_text("copied")
    artefacts.send(str(tmp_path / "made"), "ram://copied/in")
    given = arguments(tmp_path, "ram://copied/in", "ram://copied/out", way="copy")
    assert container.main(given) == 0
    with tf.io.gfile.GFile("ram://copied/out/said.json") as file:
        said = json.loads(file.read())
    assert said["text"] == "copied"
    assert answer(tmp_path)["metadata"]["examples"] == "ram://copied/in"
    assert answer(tmp_path)["uri"] == "ram://copied/out"
    artefacts.fetch("ram://copied/out", str(tmp_path / "back"))
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["said.json"]


def test_what_beams_workers_read_and_write_stays_where_it_is(tmp_path):
    tf.io.gfile.makedirs("ram://far/in")
    carrier = container.Carrier("copy", str(tmp_path), by_uri=True)
    gate = standard_artifacts.Schema()
    (tmp_path / "schema").mkdir()
    artefacts.send(str(tmp_path / "schema"), "ram://far/schema")
    given = {"examples": {"artifacts": [{"uri": "ram://far/in"}]}}
    given["schema"] = {"artifacts": [{"uri": "ram://far/schema"}]}
    titles = {"examples": "tfx.Examples", "schema": artefacts.title(type(gate))}
    found = carrier.open(given, titles, fetch=True)
    assert found["examples"][0].uri == "ram://far/in"
    # A reader that takes the only file of a folder must not see the mark.
    assert found["schema"][0].uri.startswith(str(tmp_path))
    target = {"examples": {"artifacts": [{"uri": "ram://far/out"}]}}
    made = carrier.open(target, titles, fetch=False)
    assert made["examples"][0].uri == "ram://far/out"
    with pytest.raises(OSError, match="not written to its end"):
        artefacts.fetch("ram://far/out", str(tmp_path / "early"))
    carrier.close(made, target)
    artefacts.fetch("ram://far/out", str(tmp_path / "back"))


def test_an_artefact_that_was_not_sent_to_its_end_is_not_read(tmp_path, capsys):
    tf.io.gfile.makedirs("ram://half/in")
    with tf.io.gfile.GFile("ram://half/in/text", "w") as file:
        file.write("half")
    given = arguments(tmp_path, "ram://half/in", "ram://half/out", way="copy")
    assert container.main(given) == 1
    assert "ram://half/in: is missing or was not written to its end" in capsys.readouterr().err


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(tmp_path):
    with pytest.raises(OSError, match="nothing here"):
        artefacts.send(str(tmp_path / "nothing here"), "ram://listed/x")
    with pytest.raises(OSError, match="is missing"):
        artefacts.fetch("ram://listed/x", str(tmp_path / "back"))


def test_an_empty_artefact_is_sent_and_fetched(tmp_path):
    (tmp_path / "nothing").mkdir()
    artefacts.send(str(tmp_path / "nothing"), "ram://empty/x")
    artefacts.fetch("ram://empty/x", str(tmp_path / "back"))
    assert list(tmp_path.glob("back/*")) == []


def test_a_store_that_fails_is_an_error_and_leaves_no_answer(tmp_path, capsys):
    given = arguments(tmp_path, "nowhere://nothing/in", "ram://nothing/out", way="copy")
    assert container.main(given) == 1
    assert "nowhere://nothing/in" in capsys.readouterr().err
    assert not (tmp_path / "kfp_outputs").exists()


def config(minutes=11.0, steps=6):
    experiment = {"training": {"minutes": minutes, "steps": steps}}
    return json_utils.dumps(
        {"experiment": json.dumps(experiment), "stage": "encoder", "resume_dir": "/t/encoder-1"}
    )


def budget(text):
    return json.loads(json_utils.loads(text)["experiment"])["training"]


def test_the_compiled_budget_stands_unless_another_is_asked_for():
    assert budget(container.training(config(), 11, [])) == {"minutes": 11.0, "steps": 6}
    assert budget(container.training(config(), 30.0, [])) == {"minutes": 30.0, "steps": None}


def test_a_training_without_minutes_among_its_parameters_keeps_its_own():
    values = {"custom_config": config(minutes=0.75), "checkpoints": "/mnt/t", "store": "/s"}
    found = container.exec_properties(values, INTERFACE, ["/a"])["custom_config"]
    assert budget(found) == {"minutes": 0.75, "steps": 6}
    assert json_utils.loads(found)["resume_dir"] != "/t/encoder-1"


def test_a_training_goes_on_only_with_the_same_inputs_and_budget():
    def folder(minutes, inputs):
        return json_utils.loads(container.training(config(), minutes, inputs))["resume_dir"]

    first = folder(11, ["/a", "/b"])
    assert first.startswith("/t/encoder-1-")
    assert folder(11, ["/b", "/a"]) == first
    assert folder(11, ["/a", "/c"]) != first
    assert folder(12, ["/a", "/b"]) != first


@pytest.mark.parametrize(
    ("store", "checkpoints", "expected"),
    [
        ("/w/", "", "/w/training/x"),
        ("gs://b/f", "", f"{artefacts.POD_CHECKPOINTS}/x"),
        ("gs://b/f", "/mnt/t/", "/mnt/t/x"),
    ],
)
def test_where_checkpoints_go(store, checkpoints, expected):
    assert artefacts.placed("/@store@/training/x", store, checkpoints) == expected


def test_marks_stand_for_the_store_and_this_package():
    assert (
        artefacts.placed('{"d": "/@store@/serving"}', "gs://b/f/", "")
        == '{"d": "gs://b/f/serving"}'
    )
    schema = f"{artefacts.PACKAGE_ROOT}/components/transform/schema.pbtxt"
    assert Path(schema).is_file()
    marked = artefacts.marked(schema)
    assert marked == "/@package@/components/transform/schema.pbtxt"
    assert artefacts.placed(marked, "", "") == schema
    assert artefacts.placed(3, "", "") == 3


def test_mirrors_are_kubeflows():
    assert artefacts.mirror("gs://b/x") == "/gcs/b/x"
    assert artefacts.mirror("minio://b/x") == "/minio/b/x"
    assert artefacts.mirror("s3://b/x") == "/s3/b/x"
    assert artefacts.mirror("/b/x") == "/b/x"


def test_a_store_that_tensorflow_does_not_know_is_refused_with_a_remedy():
    artefacts.require_reachable("/a/folder")
    artefacts.require_reachable("ram://a")
    with pytest.raises(UsageError, match=r"nowhere://a: .*no nowhere://.*cluster\.volume"):
        artefacts.require_reachable("nowhere://a")


def test_an_artefact_survives_kubeflows_metadata():
    model = standard_artifacts.Examples()
    model.uri = "/x"
    model.split_names, model.span = '["train", "val"]', 4
    model.set_int_custom_property("span", 4)
    model.set_int_custom_property("blessed", 1)
    model.set_float_custom_property("share", 0.25)
    model.set_string_custom_property("said", "well")
    model.set_json_value_custom_property("by_split", {"train": 1.0})
    model.set_json_value_custom_property("names", ["a", "b"])
    # Kubeflow hands every number back as a float.
    carried = json.loads(json.dumps(artefacts.metadata(model)), parse_int=float)
    found = artefacts.read(standard_artifacts.Examples, {"metadata": carried}, "/y")
    assert (found.uri, found.split_names, found.span) == ("/y", '["train", "val"]', 4)
    assert found.get_int_custom_property("blessed") == 1
    assert found.get_int_custom_property("span") == 4
    assert found.get_float_custom_property("share") == 0.25
    assert found.get_string_custom_property("said") == "well"
    assert found.get_json_value_custom_property("by_split") == {"train": 1.0}
    assert found.get_json_value_custom_property("names") == ["a", "b"]


def test_types_have_titles():
    assert artefacts.title(standard_artifacts.Model) == "tfx.Model"
    assert artefacts.title(DataDecision) == "tuwen.DataDecision"
    for kind in (standard_artifacts.Model, DataDecision):
        assert artefacts.kind_of(artefacts.title(kind)) is kind
    with pytest.raises(KeyError):
        artefacts.kind_of("tfx.Nothing")
