"""What `tuwen run` says before it starts."""

import pytest

from pipeline import config_files, settings
from pipeline.commands.run import known_cost


@pytest.mark.parametrize("name", config_files.names())
def test_a_config_run_as_it_stands_costs_what_its_head_says(name):
    stated = config_files.load(config_files.find(name)).header["Cost"]
    as_it_stands = settings.load(name, data="some/folder")
    assert known_cost(as_it_stands, name) == stated
    reseeded = settings.load(name, data="some/folder", assignments=["training.seed=3"])
    assert known_cost(reseeded, name) == stated


@pytest.mark.parametrize(
    "changes",
    [
        {"smoke": True},
        {"minutes": 3},
        {"assignments": ["generator.width=8"]},
        {"assignments": ["training.precision=float32"]},
    ],
)
def test_the_cost_of_another_run_is_not_known(changes):
    assert known_cost(settings.load("demo", **changes), "demo") is None


def test_a_config_without_a_head_says_nothing(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nsource: {path: some/folder}\n", encoding="utf-8")
    assert known_cost(settings.load(str(path)), str(path)) is None
