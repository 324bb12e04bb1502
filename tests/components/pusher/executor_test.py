"""What a push leaves in the served folder: a whole model under the highest number, or nothing."""

import json
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.pusher.executor import Executor
from tests.published import content, make_model, versions


@pytest.fixture
def model(tmp_path):
    """A directory with the files of a SavedModel."""
    return make_model(tmp_path / "model" / "Format-Serving")


@pytest.fixture
def base(tmp_path):
    return str(tmp_path / "serving")


def push(model, base, tmp_path, blessed=1):
    """Runs the node; returns its artefact."""
    trained, blessing, pushed = (
        kind()
        for kind in (
            standard_artifacts.Model,
            standard_artifacts.ModelBlessing,
            standard_artifacts.PushedModel,
        )
    )
    trained.uri, pushed.uri = str(Path(model).parent), str(tmp_path / "pushed")
    blessing.set_int_custom_property("blessed", blessed)
    destination = json.dumps({"filesystem": {"base_directory": base}})
    Executor().Do(
        {"model": [trained], "model_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": destination},
    )
    return pushed


def test_the_node_says_what_it_pushed_and_pushes_it_once(model, base, tmp_path):
    for _ in range(2):
        pushed = push(model, base, tmp_path)
        (version,) = versions(base)
        assert pushed.get_int_custom_property("pushed") == 1
        assert pushed.get_string_custom_property("pushed_destination") == f"{base}/{version}"
        assert pushed.get_string_custom_property("pushed_version") == version
        assert content(pushed.uri) == content(f"{base}/{version}") == content(model)


def test_a_refused_model_is_not_pushed(model, base, tmp_path):
    assert push(model, base, tmp_path, blessed=0).get_int_custom_property("pushed") == 0
    assert not Path(base).exists()
