"""What one task is handed, and how its outputs come into their place."""

import json
import shutil

import pytest

from pipeline.cluster.launching import OUTPUT_FILE, pipeline_parameters, prepare
from pipeline.errors import RunError, UsageError

FLAG = {"flag": "/none"}


def produced(uri="/x/a", length=1.0):
    one = {"name": "7", "uri": uri, "metadata": {"length": length}}
    return {"a": {"out": one}, "b": {"out": {**one, "name": "8", "uri": "/x/b"}}}


def launch(spec, root, name="c", values=None, **changes):
    return prepare(spec, name, values or FLAG, produced(**changes), root)


def test_the_executor_input_is_one_word_of_the_command(spec, tmp_path):
    words = launch(spec, tmp_path).command()
    given = json.loads(words[-1])
    (artifact,) = given["inputs"]["artifacts"]["a"]["artifacts"]
    assert artifact == {"name": "7", "uri": "/x/a", "metadata": {"length": 1.0}}
    assert given["inputs"]["parameterValues"] == FLAG
    (output,) = given["outputs"]["artifacts"]["out"]["artifacts"]
    assert output["uri"].startswith(str(tmp_path / ".partial"))
    assert words[0] == "python"


def test_a_parameter_may_be_a_word_of_the_command(spec, tmp_path):
    container = spec["deploymentSpec"]["executors"]["exec-c"]["container"]
    container["args"].append("{{$.inputs.parameters['flag']}}")
    assert launch(spec, tmp_path).command()[-1] == "/none"


def test_the_fingerprint_follows_everything_that_decides(spec, tmp_path):
    first = launch(spec, tmp_path).fingerprint
    assert launch(spec, tmp_path).fingerprint == first
    assert launch(spec, tmp_path / "elsewhere").fingerprint == first
    assert launch(spec, tmp_path, values={"flag": "/some"}).fingerprint != first
    assert launch(spec, tmp_path, uri="/y").fingerprint != first
    assert launch(spec, tmp_path, length=2.0).fingerprint != first
    assert launch(spec, tmp_path, values=FLAG | {"image": "tuwen:2"}).fingerprint != first
    spec["deploymentSpec"]["executors"]["exec-c"]["container"]["args"].append("--more")
    assert launch(spec, tmp_path).fingerprint != first


def test_outputs_are_in_place_whole_or_not_at_all(spec, tmp_path):
    one = launch(spec, tmp_path)
    one.begin()
    (one.draft / "out").mkdir()
    assert one.kept() is None
    answer = {"artifacts": {"out": {"artifacts": [{"uri": "?", "metadata": {"n": 3}}]}}}
    (one.draft / OUTPUT_FILE).write_text(json.dumps(answer))
    outputs = one.publish()
    assert outputs == {"out": {"uri": str(one.place / "out"), "metadata": {"n": 3}}}
    assert one.kept() == outputs
    assert (one.place / "out").is_dir()
    assert not list((tmp_path / ".partial").iterdir())


def test_what_was_kept_in_a_directory_that_was_copied_is_its_own(spec, tmp_path):
    one = launch(spec, tmp_path / "first")
    one.begin()
    (one.draft / "out").mkdir()
    (one.draft / OUTPUT_FILE).write_text("{}")
    one.publish()
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    other = launch(spec, tmp_path / "second")
    assert other.kept()["out"]["uri"] == str(other.place / "out") != str(one.place / "out")


def test_a_container_without_an_answer_has_failed(spec, tmp_path):
    one = launch(spec, tmp_path)
    one.begin()
    with pytest.raises(RunError, match="no executor output"):
        one.publish()
    assert one.kept() is None


def test_what_a_killed_attempt_left_is_removed(spec, tmp_path):
    one = launch(spec, tmp_path)
    one.begin()
    (one.draft / "half").write_text("x")
    (one.draft.parent / "1").mkdir()
    one.begin()
    assert list(one.draft.iterdir()) == []
    assert list(one.draft.parent.iterdir()) == [one.draft]


def test_parameters_have_defaults_and_types(spec):
    assert pipeline_parameters(spec, {}) == {"flag": "/none"}
    assert pipeline_parameters(spec, {"flag": "/f"}) == {"flag": "/f"}
    with pytest.raises(UsageError, match="--parameter flg: the pipeline has flag"):
        pipeline_parameters(spec, {"flg": ""})
    with pytest.raises(UsageError, match="flag=3: not a STRING"):
        pipeline_parameters(spec, {"flag": 3})
    del spec["root"]["inputDefinitions"]["parameters"]["flag"]["defaultValue"]
    with pytest.raises(UsageError, match="needs it, and has no default"):
        pipeline_parameters(spec, {})
