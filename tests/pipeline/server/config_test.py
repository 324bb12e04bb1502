"""Which models and versions are served."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format

from pipeline.errors import UsageError
from pipeline.server import config
from pipeline.work_dir import versions_of


def put(base: Path, *versions: str) -> Path:
    """Makes directories of versions that look like SavedModels."""
    for version in versions:
        (base / version).mkdir(parents=True)
        (base / version / "saved_model.pb").touch()
    return base


def test_versions_are_ordered_as_numbers(tmp_path):
    put(tmp_path, "9", "10", "1", "notes", "-3")
    assert list(versions_of(tmp_path)) == [1, 9, 10]
    assert list(versions_of(tmp_path / "gone")) == []


def test_a_work_directory_and_a_directory_of_models_are_found(tmp_path):
    put(tmp_path / "serving" / "generator", "1", "2")
    put(tmp_path / "serving" / "captioner", "7")
    (tmp_path / "serving" / "empty").mkdir()
    for place in (tmp_path, tmp_path / "serving"):
        models = config.from_directory(place)
        assert [(model.name, list(model.wanted())) for model in models] == [
            ("captioner", [7]),
            ("generator", [2]),
        ]
    with pytest.raises(UsageError, match="no served models here"):
        config.from_directory(tmp_path / "serving" / "empty")


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("", [3]),
        ("model_version_policy { latest { num_versions: 2 } }", [2, 3]),
        ("model_version_policy { all {} }", [1, 2, 3]),
        ("model_version_policy { specific { versions: 1 versions: 3 versions: 8 } }", [1, 3]),
    ],
)
def test_policies_choose_versions(tmp_path, policy, wanted):
    put(tmp_path / "m", "1", "2", "3")
    file = tmp_path / "models.config"
    entry = f'name: "m" base_path: "{tmp_path / "m"}" {policy}'
    file.write_text(f"model_config_list {{ config {{ {entry} }} }}", encoding="utf-8")
    (model,) = config.from_file(file)
    assert list(model.wanted()) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model_config_list { config { nam: 3 } }", "not a models.config"),
        ("", "names no model"),
        ('model_config_list { config { name: "m" base_path: "m" } }', "absolute base_path"),
        ('model_config_list { config { base_path: "/m" } }', "needs a name"),
    ],
)
def test_a_wrong_config_is_refused(tmp_path, text, said):
    file = tmp_path / "models.config"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        config.from_file(file)


def test_the_newest_is_canary_and_the_one_before_stable(tmp_path):
    put(tmp_path / "generator", "5", "6", "40")
    put(tmp_path / "captioner", "7")
    written = config.labelled(config.from_directory(tmp_path), "/models/")
    file = tmp_path / "models.config"
    file.write_text(text_format.MessageToString(written), encoding="utf-8")
    captioner, generator = config.from_file(file)
    assert dict(generator.labels) == {"stable": 6, "canary": 40}
    assert (generator.versions, generator.base) == ((6, 40), Path("/models/generator"))
    assert dict(captioner.labels) == {"stable": 7, "canary": 7}
    assert captioner.versions == (7,)
